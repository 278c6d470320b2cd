#!/bin/bash
# Makes the passwords of the compose stack at its first start, random, one volume per service, so that each can read only its
# own. What exists is left as it is. Removing the volumes (`docker compose down --volumes`) removes them with the data.
set -euo pipefail
umask 022
cd /secrets

# new FILE: a random value, written whole or not at all.
new() {
    [[ -s $1 ]] && return
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
    mv "$1.new" "$1"
}

new inventory/database-password
cp inventory/database-password inventory-db/database-password
new inventory-db/superuser-password

new billing/database-password
cp billing/database-password billing-db/database-password
new billing-db/superuser-password

new gateway/broker-password
cp gateway/broker-password rabbitmq/gateway-password
new billing/broker-password
cp billing/broker-password rabbitmq/billing-password
new rabbitmq/erlang-cookie
