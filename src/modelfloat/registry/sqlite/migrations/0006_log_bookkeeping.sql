-- Objects of the log that were read and are of no use; `tried` says with which program and keys, so that newer ones try again.
create table unreadable (
  object text primary key not null,
  tried text not null
) without rowid;

-- Objects of which somebody waits to learn how many stores have them, and the stores that have confirmed them since then.
create table awaited_puts (
  object text primary key not null,
  askers bigint not null
) without rowid;

create table confirmed_puts (
  object text not null,
  store blob not null,
  primary key (object, store)
) without rowid;
