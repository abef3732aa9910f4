-- Ids and hashes are BLOBs. Times are milliseconds of Unix time in UTC. 64-bit numbers are stored by their bits, so that the
-- largest ones come out negative here.

create table settings (
  name text primary key not null,
  value blob not null
);

create table stores (
  id blob primary key not null,
  name text not null unique,
  url text not null,
  domain text not null,
  capacity_bytes bigint not null,
  added_at bigint not null
);

create table log (
  writer blob not null,
  seq bigint not null,
  hash blob not null,
  cbor blob not null,
  primary key (writer, seq, hash)
);

create table listed (
  store blob not null,
  path text not null,
  primary key (store, path)
) without rowid;

create table queue (
  id integer primary key autoincrement,
  store blob not null,
  object text not null,
  bytes blob not null,
  unique (store, object)
);

create table documents (
  object text primary key not null,
  sealed blob not null
);

create table packs (
  key integer primary key autoincrement,
  id blob not null unique,
  epoch bigint not null,
  suite bigint not null,
  k bigint not null,
  m bigint not null,
  slice_bytes bigint not null,
  survive bigint not null
);

create table shards (
  pack bigint not null references packs (key) on delete cascade,
  position bigint not null,
  object blob not null,
  primary key (pack, position)
) without rowid;

create table fragments (
  pack bigint not null references packs (key) on delete cascade,
  number bigint not null,
  id blob not null,
  plain_bytes bigint not null,
  codec bigint not null,
  parameter bigint not null,
  frame_offset bigint not null,
  sealed_bytes bigint not null,
  primary key (pack, number)
) without rowid;
create index fragments_by_id on fragments (id);

-- Listings name objects and stores that no pack or catalogue entry here knows yet, hence no references.
create table shard_places (
  object blob not null,
  store blob not null,
  primary key (object, store)
) without rowid;
create index shard_places_by_store on shard_places (store);

create table revisions (
  id integer primary key autoincrement,
  manifest blob not null unique,
  structure blob not null,
  model text not null,
  revision blob not null,
  size_bytes bigint not null,
  fragments bigint not null,
  files bigint not null,
  stored_bytes bigint not null,
  description text not null,
  framework text not null,
  format text not null,
  created_at bigint not null,
  folded text not null
);
create index revisions_by_model on revisions (model);

create table tags (
  model text not null,
  tag text not null,
  manifest blob not null,
  primary key (model, tag)
) without rowid;

create table pushes (
  id integer primary key autoincrement,
  model text not null,
  tag text not null,
  state bigint not null,
  started_at bigint not null,
  packs bigint not null
);

create table jobs (
  id integer primary key autoincrement,
  kind text not null,
  request blob not null,
  state bigint not null,
  claimed_by text not null,
  created_at bigint not null,
  changed_at bigint not null
);

create table tokens (
  id text primary key not null,
  hash blob not null unique,
  scope text not null,
  created_at bigint not null
);
