#!/usr/bin/env bash
# Coverage-guided fuzzing of every reader of foreign bytes, with libFuzzer and AddressSanitizer:
#   Reliability/fuzz.sh [--runs N | --seconds N | --total N] [--system-libraries] [READER…]
#
# Each reader gets N inputs (500,000 unless said) or N seconds, from where the last run ended. With
# --total the readers take turns of 25,000 inputs until all runs together, earlier ones too,
# have come to N inputs. The C libraries are built with instrumentation first
# (Reliability/libraries.sh), unless --system-libraries takes the installed ones as they are. Can be
# stopped at any time: what was reached is kept and counted. Ends with 1 where a reader broke; the
# inputs that broke it are in .build-reliability/findings. VMUNET_FUZZ and VMUNET_MUTATE name
# programs that are built already.
#   Reliability/fuzz.sh --totals      what all runs came to, a line a reader
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"

limit=-runs=500000
libraries=instrumented
total=0
totals=$work/totals.tsv
while [ $# -gt 0 ]; do
    case $1 in
        --runs) limit=-runs=$2 && shift 2 ;;
        --seconds) limit=-max_total_time=$2 && shift 2 ;;
        --total) total=$2 limit=-runs=25000 && shift 2 ;;
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

# build NAME OPTION…: prints the product's folder.
build() {
    local product=$1 scratch=$work/swift/$2
    shift 2
    swift build -c release --product "$product" --scratch-path "$scratch" "$@" >"$work/logs/build-$product.log" 2>&1 ||
        fail "$product does not build: see $work/logs/build-$product.log"
    printf '%s/release/%s' "$scratch" "$product"
}
note "building"
mutate=${VMUNET_MUTATE:-$(build mutate plain)}
fuzz=${VMUNET_FUZZ:-}
if [ $libraries = instrumented ] && [ -z "$fuzz" ]; then
    bash Reliability/libraries.sh
    export PKG_CONFIG_PATH=$work/libraries/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
fi
[ -n "$fuzz" ] || fuzz=$(build fuzz "fuzz-$libraries" --sanitize address --sanitize fuzzer -Xswiftc -parse-as-library \
    -Xswiftc -sanitize-coverage=edge,trace-cmp,inline-8bit-counters,pc-table)

export VMUNET_SEEDS=${VMUNET_SEEDS:-$root/Tests:$root/Reliability/Seeds:$root/docs}
# Without the callers of every allocation, and with a small quarantine, an input takes a third of
# the time. A use after free inside one input is still seen.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:malloc_context_size=1:quarantine_size_mb=8:detect_leaks=0}
[ $# -gt 0 ] || {
    # shellcheck disable=SC2046 # one word a reader
    set -- $("$mutate" list)
}
# The largest input: as long as the format needs for everything that its reader understands.
largest() {
    case $1 in
        pth | npz | hdf5 | keys | dicom*) printf 16384 ;;
        *) printf 4096 ;;
    esac
}
reached() { awk -F'\t' '{ n += $2 } END { printf "%d", n }' "$totals"; }

status=0 child=
# A stop ends libFuzzer, which says how far it was.
trap 'stopped=1; [ -z "$child" ] || kill -INT "$child" 2>/dev/null' INT TERM
stopped=0
stretch() {
    local reader=$1 corpus=$work/corpus/$1 log=$work/logs/fuzz-$1.log start=$SECONDS inputs edges code=0 broke=0 begun
    mkdir -p "$corpus" "$work/findings/$reader"
    [ -d "$corpus.seeds" ] || "$mutate" seeds "$reader" "$corpus.seeds"
    # -timeout is the clock's; an input's ten seconds of processor time are watched by the program.
    VMUNET_READER=$reader "$fuzz" "$corpus" "$corpus.seeds" "$limit" -max_len="$(largest "$reader")" -timeout=3600 -rss_limit_mb=2048 \
        -malloc_limit_mb=512 -artifact_prefix="$work/findings/$reader/" -print_final_stats=1 -print_funcs=0 -reload=0 -detect_leaks=0 >"$log" 2>&1 &
    child=$!
    while kill -0 "$child" 2>/dev/null; do wait "$child" && code=0 || code=$?; done
    child=
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    [ -n "$inputs" ] || inputs=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$log" | tail -1)
    # Inputs that are read again at the start do not count.
    begun=$(sed -n 's/^#\([0-9]*\)[[:space:]]*INITED.*/\1/p' "$log" | head -1)
    inputs=$((${inputs:-0} - ${begun:-0}))
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    case $code in
        0) ;;
        72) stopped=1 ;; # libFuzzer's for a run that was stopped
        *) broke=1 ;;
    esac
    printf '%s\t%s\t%s\t%s\t%s\n' "$reader" "$inputs" $((SECONDS - start)) "${edges:-0}" "$broke" >>"$totals"
    if [ "$broke" = 1 ]; then
        status=1
        cp "$log" "$work/findings/$reader/$(date +%s).log"
        note "$reader: BROKEN after $inputs inputs: $(grep -m1 -E 'promise was broken|ERROR:|Fatal error' "$log" | cut -c1-300)"
        note "    $(sed -n 's/.*Test unit written to //p' "$log" | tail -1); the whole story is in $work/findings/$reader"
    else
        note "$reader: $inputs inputs in $((SECONDS - start)) s, ${edges:-0} edges"
    fi
}
touch "$totals"
while :; do
    for reader; do
        [ $stopped = 1 ] || stretch "$reader"
        [ "$total" = 0 ] || [ "$(reached)" -lt "$total" ] || break 2
    done
    if [ "$total" = 0 ] || [ $stopped = 1 ]; then break; fi
done
exit $status
