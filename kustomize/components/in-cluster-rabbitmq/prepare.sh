#!/bin/bash
# Puts the passwords into the definitions and the cookie where Erlang wants it, alone readable by its owner. The definitions
# are imported at every start, so a changed password takes effect with a restart.
set -euo pipefail
secrets="${SECRETS:-/etc/keeper/secrets}"
settings="${SETTINGS:-/etc/keeper/rabbitmq}"
run="${RUN:-/run/rabbitmq}"
data="${DATA:-/var/lib/rabbitmq}"

# Prints the named secret; refuses what would need quoting in JSON or sed.
secret() {
    local value
    value="$(cat "$secrets/$1")"
    [[ "$value" =~ ^[A-Za-z0-9._~+=-]+$ ]] || {
        echo "prepare: $1 must be letters, digits and . _ ~ + = - only" >&2
        exit 1
    }
    printf '%s' "$value"
}

umask 077
gateway="$(secret gateway-password)"
billing="$(secret billing-password)"
cookie="$(secret erlang-cookie)"

definitions="$(<"$settings/definitions.json")"
definitions="${definitions//@gateway-password@/$gateway}"
definitions="${definitions//@billing-password@/$billing}"
printf '%s\n' "$definitions" >"$run/definitions.json"

rm -f "$data/.erlang.cookie"
printf '%s' "$cookie" >"$data/.erlang.cookie"
chmod 400 "$data/.erlang.cookie"
