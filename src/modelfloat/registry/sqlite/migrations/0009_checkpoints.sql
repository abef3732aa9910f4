-- Checkpoints that were read or written; `is_taken`: all that they stand for is in `log`.
create table checkpoints (
  writer blob not null,
  seq bigint not null,
  hash blob not null,
  cbor blob not null,
  is_taken bigint not null,
  primary key (writer, seq, hash)
);
-- Names of log records that a checkpoint stands for and that are not in `log`.
create table log_names (
  writer blob not null,
  seq bigint not null,
  hash blob not null,
  primary key (writer, seq, hash)
) without rowid;
-- Goes up with each change of `log`.
create table log_version (
  version bigint not null
);
insert into log_version values (1);

-- Why it cannot be used: 0 locked, 1 junk, 2 damaged.
drop table unreadable;
create table unreadable (
  object text primary key not null,
  tried text not null,
  why bigint not null
) without rowid;
