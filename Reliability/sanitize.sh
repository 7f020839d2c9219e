#!/usr/bin/env bash
# The suites under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer:
#   Reliability/sanitize.sh address|thread [arguments of `swift test`, such as --filter KernelTests]
#
# Tests of the built tool are left out: they start their own processes, which kill.py, tool.py and
# limits.py cover. The kernels' tests also run unoptimised: there a vector type of 48 bytes takes
# 64, and reads that the optimiser would remove are performed.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
unset VMUNET_RELIABILITY

kind=${1:-}
[ $# = 0 ] || shift
options=(--skip ToolTests --disable-xctest)
# allocator_may_return_null: memory that cannot be had, which tests ask for, is refused as by malloc.
preload=
case $kind in
    address)
        # Swift's driver takes no UndefinedBehaviorSanitizer on Linux; its clang does, and
        # AddressSanitizer's runtime reports for it.
        sanitizers=(--sanitize address)
        for flag in -fsanitize=undefined -fno-sanitize=vptr,function -fno-sanitize-recover=undefined; do
            sanitizers+=(-Xcc "$flag" -Xcxx "$flag")
        done
        # libtorch is not instrumented, and never frees some of its start-up allocations.
        export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0:strict_string_checks=1:allocator_may_return_null=1
        export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
        ;;
    thread)
        sanitizers=(--sanitize thread)
        export TSAN_OPTIONS="suppressions=$root/Reliability/thread.suppressions:halt_on_error=1:allocator_may_return_null=1"
        preload=$work/order.so
        "$toolchain/clang" -O1 -Wall -Wextra -Werror -fPIC -shared -o "$preload" "$root/Reliability/order.c" -ldl
        ;;
    *) fail "usage: Reliability/sanitize.sh address|thread [arguments of swift test]" ;;
esac
eval "$("$root/vmunet" env)"

# run CONFIGURATION ARGUMENT…
run() {
    local configuration=$1 log
    shift
    log=$work/logs/sanitize-$kind-$configuration.log
    note "$kind, $configuration: building and running; output in $log"
    local build=(-c "$configuration" -Xswiftc -enable-testing "${sanitizers[@]}" --scratch-path "$work/swift/$kind")
    {
        swift build --build-tests "${build[@]}" &&
            LD_PRELOAD=$preload swift test --skip-build "${build[@]}" "${options[@]}" "$@"
    } </dev/null >"$log" 2>&1 || fail "$kind: $(grep -m1 -E 'ERROR: |WARNING: ThreadSanitizer|runtime error|✘|(^|[0-9]: )error:' "$log" || tail -1 "$log")"
    grep -E 'Test run with' "$log" | tail -1
}

if [ $# -gt 0 ]; then
    run release "$@"
else
    run release
    run debug --filter KernelTests
fi
