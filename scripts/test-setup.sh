#!/usr/bin/env bash
# Makes sure that what the tests need is there: a PostgreSQL server, the packages of package-lock.json in node_modules, those
# of scripts/requirements.txt in target/test-python, and the programs that run the snippets shown to senders (curl, php, go).
#
# Installs what is missing when it may (root on Debian), otherwise says in one sentence what to install. The tests start
# private PostgreSQL clusters of their own; no cluster of the system is made or touched.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly POSTGRES_OLDEST=14
readonly PYTHON_FOLDER=target/test-python

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

has_postgres() { [ -n "$(postgres_programs)" ]; }
has_curl() { command -v curl >/dev/null; }
has_php() { command -v php >/dev/null; }
# Not piped into grep: php would die of the closed pipe.
has_php_curl() { has_php && php -r 'exit(extension_loaded("curl") ? 0 : 1);'; }
has_go() { command -v go >/dev/null; }
# A Python that can make environments: Debian splits that from the interpreter.
has_python() { python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; }

# What each thing is called where it is missing: the package of Debian, and what people look for elsewhere.
readonly WANTED=(
    "has_postgres|postgresql|the programs of a PostgreSQL server, version $POSTGRES_OLDEST or newer (initdb and postgres on the PATH)"
    "has_curl|curl|curl"
    "has_php|php-cli|PHP 8's command line"
    "has_php_curl|php-curl|PHP's curl extension"
    "has_go|golang-go|Go 1.19 or newer"
    "has_python|python3-venv|Python 3.9 or newer with its venv module"
)

missing() {
    local entry
    for entry in "${WANTED[@]}"; do
        "${entry%%|*}" || echo "$entry"
    done
}

install_packages() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update --quiet
    if [[ " $* " == *" postgresql "* ]]; then
        apt-get install --quiet --yes --no-install-recommends postgresql-common
        # Without this the next package would make and start a cluster of the system.
        sed -i -E 's/^#?\s*create_main_cluster\s*=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    apt-get install --quiet --yes --no-install-recommends "$@"
}

lacking=$(missing)
if [ -n "$lacking" ]; then
    packages=$(cut -d'|' -f2 <<<"$lacking" | paste -sd' ')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "test-setup: installing $packages"
        # shellcheck disable=SC2086 # A list of words.
        install_packages $packages >&2 </dev/null
        lacking=$(missing)
    fi
    [ -z "$lacking" ] || fail "the tests need $(cut -d'|' -f3 <<<"$lacking" | paste -sd';' | sed 's/;/; /g'): please install that (on Debian: apt-get install $packages), then run make test again."
fi

command -v npm >/dev/null || fail "the tests need npm: please install Node.js 20 or newer, then run make test again."
if ! cmp --silent package-lock.json node_modules/.installed-lock.json; then
    npm ci --ignore-scripts --no-audit --no-fund </dev/null
    cp package-lock.json node_modules/.installed-lock.json
fi

if ! cmp --silent scripts/requirements.txt "$PYTHON_FOLDER/.installed-requirements.txt"; then
    # An environment whose interpreter is gone is made anew; a working one only gets what it lacks.
    "$PYTHON_FOLDER/bin/python" -c '' 2>/dev/null || python3 -m venv --clear "$PYTHON_FOLDER"
    "$PYTHON_FOLDER/bin/python" -m pip install --quiet --disable-pip-version-check --requirement scripts/requirements.txt </dev/null
    cp scripts/requirements.txt "$PYTHON_FOLDER/.installed-requirements.txt"
fi
