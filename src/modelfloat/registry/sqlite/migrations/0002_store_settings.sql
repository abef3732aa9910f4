-- What this machine alone knows of a store. Credentials and sessions are sealed (docs/formats/sealed-settings.md).

create table store_settings (
  store blob primary key not null,
  api_url text not null,
  token_url text not null,
  bandwidth text not null,
  credentials blob not null
) without rowid;

create table store_sessions (
  store blob primary key not null,
  sealed blob not null
) without rowid;
