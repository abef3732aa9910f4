-- When the bytes of a copy were last proven right (seconds of Unix time; 0: never), and the checksum that the store
-- listed for them then (empty: none).
alter table shard_places add column proved_at bigint not null default 0;
alter table shard_places add column checksum text not null default '';
create table document_proofs (
  object text not null,
  store blob not null,
  proved_at bigint not null,
  primary key (object, store)
) without rowid;
