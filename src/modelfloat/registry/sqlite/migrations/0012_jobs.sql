-- The jobs of servers. Nothing was ever written to the table that had this name.
drop table jobs;
create table jobs (
  number integer primary key autoincrement,
  id text not null unique,
  kind text not null,
  arguments text not null,
  state bigint not null,
  owner text not null,
  created_at bigint not null,
  started_at bigint not null,
  ended_at bigint not null,
  done_bytes bigint not null,
  total_bytes bigint not null,
  result text not null,
  error_code text not null,
  error_message text not null
);
create index jobs_by_state on jobs (state);
