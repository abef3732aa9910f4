-- What is known of a copy: 0 whole, 1 corrupt (it was read, or listed with a wrong size), 2 missing though it should be there.
alter table shard_places add column state bigint not null default 0;
create index damaged_shards on shard_places (store) where state <> 0;
-- Which listed objects no pack here names.
create index shards_by_object on shards (object);
