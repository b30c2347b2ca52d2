#!/bin/sh
# Lets a person in: deploy/add-user.sh NAME viewer|radiographer|custodian|admin E-MAIL
#
#   viewer        sees runs, logs and counts; starts nothing, sees no image
#   radiographer  research radiographer: starts runs, looks at pseudonymous images, reviews and approves
#   custodian     key custodian: the same, and may see identities and key tables
#   admin         runs Airflow (connections, pools, users); sees no image and no identity
#
# Asks for the password. `airflow roles create Reviewer Custodian` has been done by airflow-init.
set -eu
[ $# = 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
name=$1 email=$3
case $2 in
    viewer) role=Viewer also= ;;
    radiographer) role=User also=Reviewer ;;
    custodian) role=User also=Custodian ;;
    admin) role=Admin also= ;;
    *) echo "add-user: no role $2; roles are viewer, radiographer, custodian, admin" >&2; exit 2 ;;
esac
airflow=${AIRFLOW:-"docker compose run --rm --entrypoint airflow airflow-init"}
$airflow users create --role "$role" --username "$name" --email "$email" --firstname "$name" --lastname -
[ -z "$also" ] || $airflow users add-role --username "$name" --role "$also"
