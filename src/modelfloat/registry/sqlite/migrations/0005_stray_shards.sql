-- What the headers say of shards that no manifest names: parity that was added to a pack later, or what an unfinished push left.
create table stray_shards (
  object blob primary key not null,
  pack blob not null,
  position bigint not null
) without rowid;
create index stray_shards_by_pack on stray_shards (pack);
