#!/usr/bin/env bash
# Builds all fuzz targets, then runs each for some seconds; stops at the first finding. Usage: fuzz/run.sh [SECONDS [TARGET…]]
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
shift || true
# The fuzzer's instrumentation is an unstable option of the compiler; this lets the pinned one take it.
export RUSTC_BOOTSTRAP=1
# SQLite's own C has two private tables of one name, which the sanitizer takes for one defined twice.
export ASAN_OPTIONS=detect_odr_violation=0

cargo fuzz build
for target in ${*:-$(cargo fuzz list)}; do
    mkdir -p "corpus/$target"
    echo "fuzz: $target for $seconds s"
    cargo fuzz run "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 -print_final_stats=1
done
