#!/usr/bin/env bash
# Structured mutation of every format in one process, without coverage:
#   Reliability/mutate.sh [COUNT [SEED]]      a million inputs unless said
# Input i is a function of the seed and i. A seed that was begun before goes on where it ended. The
# totals of all runs are in .build-reliability/mutations.tsv: seed, first input, count. A run may be
# stopped at any time; its inputs so far count. An input that breaks something ends the process; its
# number is printed, and `mutate replay SEED NUMBER` writes it to a file.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
count=${1:-1000000}
seed=${2:-1}
mutate=${VMUNET_MUTATE:-$work/swift/plain/release/mutate}
[ -n "${VMUNET_MUTATE:-}" ] || swift build -c release --product mutate --scratch-path "$work/swift/plain" >"$work/logs/build-mutate.log" 2>&1 ||
    fail "mutate does not build: see $work/logs/build-mutate.log"
export VMUNET_SEEDS=${VMUNET_SEEDS:-$root/Tests:$root/Reliability/Seeds:$root/docs}
log=$work/logs/mutate-$seed.log
totals=${VMUNET_CAMPAIGN:-$work}/mutations.tsv
touch "$totals"
child='' stopped=0
trap 'stopped=1; [ -z "$child" ] || kill "$child" 2>/dev/null' INT TERM
record() { printf '%s\t%s\t%s\n' "$seed" "$from" "$1" >>"$totals"; }
while [ "$count" -gt 0 ] && [ $stopped = 0 ]; do
    from=$(awk -F'\t' -v seed="$seed" '$1 == seed && $2 + $3 > n { n = $2 + $3 } END { printf "%d", n }' "$totals")
    stretch=$((count < 50000 ? count : 50000))
    "$mutate" run "$stretch" "$seed" "$from" >"$log" 2>&1 &
    child=$! code=0
    while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done
    child=''
    if [ $code = 0 ]; then
        cat "$log"
        record "$stretch"
        count=$((count - stretch))
    elif [ $stopped = 1 ]; then
        place=$("$mutate" place "$seed")
        record $((place - from))
    else
        tail -5 "$log" >&2
        place=$("$mutate" place "$seed")
        # The input that broke counts, and the next run goes on behind it.
        record $((place - from + 1))
        fail "BROKEN (exit $code). Its input: VMUNET_SEEDS=$VMUNET_SEEDS $mutate replay $seed $place"
    fi
done
awk -F'\t' '{ n += $3 } END { printf "%d inputs in all runs\n", n }' "$totals"
