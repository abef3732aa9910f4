-- Copies of documents that were read and are damaged.
create table damaged_documents (
  object text not null,
  store blob not null,
  primary key (object, store)
) without rowid;
