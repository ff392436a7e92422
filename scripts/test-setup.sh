#!/usr/bin/env bash
# Makes sure that what the tests need is there: a PostgreSQL server and the packages of package-lock.json.
#
# Installs what is missing when it may (root on Debian), otherwise says in one sentence what to install. The tests start
# private PostgreSQL clusters of their own; no cluster of the system is made or touched.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly POSTGRES_OLDEST=14

fail() {
    echo "test-setup: $1" >&2
    exit 1
}

# The newest installed server's folder of programs: PATH first, then where Debian puts them.
postgres_programs() {
    local folder version
    for folder in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] || continue
        version=$("$folder/postgres" --version | grep -oE '[0-9]+' | head -1)
        if [ "$version" -ge "$POSTGRES_OLDEST" ]; then
            echo "$folder"
            return
        fi
    done
}

install_postgres() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet
    apt-get install --quiet --yes --no-install-recommends postgresql-common
    # Without this the next package would make and start a cluster of the system.
    sed -i -E 's/^#?\s*create_main_cluster\s*=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    apt-get install --quiet --yes --no-install-recommends postgresql
}

if [ -z "$(postgres_programs)" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "test-setup: installing the PostgreSQL server"
        install_postgres >&2 </dev/null
        [ -n "$(postgres_programs)" ] || fail "PostgreSQL was installed but no server of version $POSTGRES_OLDEST or newer was found under /usr/lib/postgresql."
    else
        fail "the tests need the programs of a PostgreSQL server, version $POSTGRES_OLDEST or newer: please install Debian's package \"postgresql\" (or put initdb and postgres on the PATH), then run make test again."
    fi
fi

command -v npm >/dev/null || fail "the tests need npm: please install Node.js 20 or newer, then run make test again."
if ! cmp --silent package-lock.json node_modules/.installed-lock.json; then
    npm ci --ignore-scripts --no-audit --no-fund </dev/null
    cp package-lock.json node_modules/.installed-lock.json
fi
