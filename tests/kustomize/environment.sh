# shellcheck shell=bash
# Sourced: makes KEEPER_VENV, the virtual environment with requirements.txt; remade when those change. Needs KEEPER_TEST_CACHE
# and a function `fail`.
requirements=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
export KEEPER_VENV=$KEEPER_TEST_CACHE/kustomize-venv
if ! cmp -s "$requirements" "$KEEPER_VENV/requirements.txt"; then
    rm -rf "$KEEPER_VENV"
    python3 -m venv "$KEEPER_VENV"
    "$KEEPER_VENV/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" || fail "pip could not install the tools"
    cp "$requirements" "$KEEPER_VENV/requirements.txt"
fi
