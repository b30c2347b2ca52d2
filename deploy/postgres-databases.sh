#!/bin/sh
# Run once by the postgres image on an empty volume: Airflow and the vault get a role and a database each, and neither
# may look into the other's.
set -eu
secrets=${SECRETS:-/run/secrets}
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
     --set airflow="$(cat "$secrets/airflow_db_password")" --set vault="$(cat "$secrets/vault_db_password")" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;
CREATE ROLE pacs2trial LOGIN PASSWORD :'vault';
CREATE DATABASE pacs2trial OWNER pacs2trial;
REVOKE CONNECT ON DATABASE pacs2trial FROM PUBLIC;
SQL
