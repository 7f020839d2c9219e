#!/usr/bin/env bash
# Coverage-guided fuzzing of every reader of foreign bytes, with libFuzzer and AddressSanitizer:
#   Reliability/fuzz.sh [--runs N | --seconds N] [--system-libraries] [READER…]
#
# Each reader gets N inputs (default 500,000) or N seconds, and continues where its last run ended.
# First builds instrumented C libraries (Reliability/libraries.sh), unless --system-libraries uses
# the installed ones. Exits with 1 if a reader broke; the inputs are in .build-reliability/findings.
#   Reliability/fuzz.sh --totals      prints the totals of all runs, a line per reader
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"

limit=-runs=500000
libraries=instrumented
totals=$work/totals.tsv
while [ $# -gt 0 ]; do
    case $1 in
        --runs) limit=-runs=$2 && shift 2 ;;
        --seconds) limit=-max_total_time=$2 && shift 2 ;;
        --system-libraries) libraries=system && shift ;;
        --totals)
            [ -f "$totals" ] || fail "nothing has run yet"
            awk -F'\t' '{ n[$1] += $2; s[$1] += $3; if ($4 > c[$1]) c[$1] = $4; all += $2; f[$1] += $5 }
                END {
                    for (r in n) printf "%-12s %10d inputs %7d s %6d edges %3d findings\n", r, n[r], s[r], c[r], f[r]
                    printf "%-12s %10d inputs\n", "all", all
                }' "$totals" | sort
            exit
            ;;
        -*) fail "unknown option $1" ;;
        *) break ;;
    esac
done

if [ $libraries = instrumented ]; then
    bash Reliability/libraries.sh
    export PKG_CONFIG_PATH=$work/libraries/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
fi

# build NAME OPTION…: prints the product's folder.
build() {
    local product=$1 scratch=$work/swift/$2
    shift 2
    swift build -c release --product "$product" --scratch-path "$scratch" "$@" >"$work/logs/build-$product.log" 2>&1 ||
        fail "$product does not build: see $work/logs/build-$product.log"
    printf '%s/release/%s' "$scratch" "$product"
}
note "building"
mutate=$(build mutate plain)
fuzz=$(build fuzz "fuzz-$libraries" --sanitize address --sanitize fuzzer -Xswiftc -parse-as-library \
    -Xswiftc -sanitize-coverage=edge,trace-cmp,inline-8bit-counters,pc-table)

export VMUNET_SEEDS=${VMUNET_SEEDS:-$root/Tests:$root/Reliability/Seeds:$root/docs}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0}
[ $# -gt 0 ] || {
    # shellcheck disable=SC2046 # one word a reader
    set -- $("$mutate" list)
}
status=0
for reader; do
    corpus=$work/corpus/$reader
    mkdir -p "$corpus" "$work/findings/$reader"
    "$mutate" seeds "$reader" "$work/corpus/$reader.seeds"
    log=$work/logs/fuzz-$reader.log
    start=$SECONDS
    VMUNET_READER=$reader "$fuzz" "$corpus" "$work/corpus/$reader.seeds" "$limit" -max_len=16384 -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=512 -artifact_prefix="$work/findings/$reader/" -print_final_stats=1 -reload=0 >"$log" 2>&1 && broke=0 || broke=1
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    [ -n "$inputs" ] || inputs=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -1)
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    printf '%s\t%s\t%s\t%s\t%s\n' "$reader" "${inputs:-0}" $((SECONDS - start)) "${edges:-0}" "$broke" >>"$totals"
    if [ "$broke" = 1 ]; then
        status=1
        note "$reader: BROKEN after ${inputs:-0} inputs: $(grep -m1 -E 'promise was broken|ERROR:|Fatal error' "$log" | cut -c1-300)"
        note "    $(sed -n 's/.*Test unit written to //p' "$log" | tail -1); the full output is in $log"
    else
        note "$reader: ${inputs:-0} inputs in $((SECONDS - start)) s, ${edges:-0} edges"
    fi
done
exit $status
