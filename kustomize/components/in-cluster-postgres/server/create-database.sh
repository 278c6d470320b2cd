#!/bin/bash
# Runs once, when the volume is empty: the unit's role, which is no superuser, and the database it owns.
set -euo pipefail

# psql reads the password itself, so that it is on no command line.
psql --username postgres --set ON_ERROR_STOP=1 --set role="$APPLICATION_NAME" <<'SQL'
\set password `cat /etc/keeper/secrets/database-password`
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
