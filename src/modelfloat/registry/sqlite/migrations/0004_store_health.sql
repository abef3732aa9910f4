-- How stores do, kept from run to run. Times that never came are 0.

create table store_health (
  store blob primary key not null,
  last_seen bigint not null,
  last_error text not null,
  last_error_at bigint not null
) without rowid;

create table store_calls (
  store blob not null,
  kind text not null,
  calls bigint not null,
  errors bigint not null,
  bytes bigint not null,
  microseconds bigint not null,
  p50_microseconds bigint not null,
  p95_microseconds bigint not null,
  primary key (store, kind)
) without rowid;

create table store_use (
  store blob primary key not null,
  day bigint not null,
  uploaded_bytes bigint not null,
  downloaded_bytes bigint not null
) without rowid;

create table store_parks (
  store blob not null,
  lane text not null,
  until bigint not null,
  why text not null,
  primary key (store, lane)
) without rowid;
