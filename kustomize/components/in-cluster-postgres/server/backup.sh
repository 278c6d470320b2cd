#!/bin/bash
# Dumps the database to /backups and keeps the newest $KEEP dumps. A dump gets its final name when it is complete.
set -euo pipefail

PGPASSWORD="$(cat /etc/keeper/secrets/database-password)"
export PGPASSWORD

dump="/backups/$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ).dump"
rm -f /backups/*.partial
pg_dump --format=custom --file="$dump.partial"
pg_restore --list "$dump.partial" >/dev/null
mv "$dump.partial" "$dump"

find /backups -name "$PGDATABASE-*.dump" | sort -r | tail -n "+$((KEEP + 1))" | xargs -r rm -f
ls -l /backups
