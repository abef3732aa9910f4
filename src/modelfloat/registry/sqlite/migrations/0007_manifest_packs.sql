-- The packs that a manifest names, in its order, by packs.key. A key that packs no longer has: this pack was forgotten meanwhile.
create table manifest_packs (
  manifest blob not null,
  position bigint not null,
  pack bigint not null,
  primary key (manifest, position)
) without rowid;
-- How many rows the table above has of a manifest. Manifests without packs stand here too.
create table indexed_manifests (
  manifest blob primary key not null,
  packs bigint not null
) without rowid;

-- The next look at the log enters all manifests anew, with their packs.
delete from revisions;
delete from settings where name = 'catalogue';
