#!/bin/sh
# Run once by the postgres image on an empty volume: the vault gets a role and a database of its own, beside Airflow's.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/vault_db_password)" \
     --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE pacs2trial LOGIN PASSWORD :'password';
CREATE DATABASE pacs2trial OWNER pacs2trial;
REVOKE CONNECT ON DATABASE pacs2trial FROM PUBLIC;
SQL
