#!/usr/bin/env bash
# Structured mutation of every format in one process, without coverage:
#   Reliability/mutate.sh [COUNT [SEED]]      (default: a million inputs)
# An input that breaks something ends the process and has its number printed; `mutate replay SEED
# NUMBER` writes it to a file.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
count=${1:-1000000}
seed=${2:-1}
swift build -c release --product mutate --scratch-path "$work/swift/plain" >"$work/logs/build-mutate.log" 2>&1 ||
    fail "mutate does not build: see $work/logs/build-mutate.log"
export VMUNET_SEEDS=${VMUNET_SEEDS:-$root/Tests:$root/Reliability/Seeds:$root/docs}
mutate=$work/swift/plain/release/mutate
log=$work/logs/mutate.log
if "$mutate" run "$count" "$seed" >"$log" 2>&1; then
    cat "$log"
else
    code=$?
    tail -5 "$log" >&2
    fail "BROKEN (exit $code). Its input: VMUNET_SEEDS=$VMUNET_SEEDS $mutate replay $seed $("$mutate" place)"
fi
