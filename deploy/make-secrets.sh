#!/bin/sh
# Makes the secrets that docker-compose.yaml reads, each a file (0600) in deploy/secrets, and .env with your user id.
# What exists is kept, so it is safe to repeat. Back the folder up together with the vault's volume.
set -eu
umask 077
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
secrets="$root/deploy/secrets"
mkdir -p "$secrets"

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n='; }
urlsafe() { tr '+/' '-_'; }
keep() { [ -s "$secrets/$1" ] || cat >"$secrets/$1"; }

random 24 | urlsafe | keep postgres_password
random 24 | urlsafe | keep airflow_db_password
random 24 | urlsafe | keep vault_db_password
random 24 | urlsafe | keep redis_password
random 12 | urlsafe | keep admin_password
head -c 32 /dev/urandom | base64 | tr -d '\n' | urlsafe | keep fernet_key
random 64 | keep jwt_secret
random 32 | keep api_secret_key

# libpq's password file (host:port:database:user:password): Airflow and the vault log in with it. Each may only its own.
printf '*:*:airflow:airflow:%s\n' "$(cat "$secrets/airflow_db_password")" | keep airflow_pgpass
printf '*:*:pacs2trial:pacs2trial:%s\n' "$(cat "$secrets/vault_db_password")" | keep vault_pgpass
printf 'redis://:%s@redis:6379/0' "$(cat "$secrets/redis_password")" | keep celery_broker_url
printf 'requirepass %s\nsave ""\n' "$(cat "$secrets/redis_password")" | keep redis_conf

# The containers run as the owner of these files; root, who would own everything, becomes the image's own user.
uid=$(id -u)
if [ "$uid" = 0 ]; then
    uid=50000
    chown -R "$uid" "$secrets"
fi
[ -e "$root/.env" ] || printf 'AIRFLOW_UID=%s\n' "$uid" >"$root/.env"
echo "secrets are in $secrets; log in to Airflow as admin with the password in $secrets/admin_password" >&2
