-- What the log says of the use of a store: 0 in use, 1 draining, 255 a state that this version does not know.
alter table stores add column store_use bigint not null default 0;

-- The next look at the log enters the stores anew, with their use and their names.
delete from settings where name = 'catalogue';
