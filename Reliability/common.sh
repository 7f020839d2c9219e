# shellcheck shell=bash
# Shared by the scripts in this folder. Sourced, with `root` set to the project's folder.
#
# Everything they make is in .build-reliability, which can be deleted at any time:
#   libraries/   the instrumented C libraries, with their pkg-config files
#   swift/       SwiftPM's builds (a scratch folder per kind of build)
#   corpus/      the inputs that libFuzzer kept, a folder per reader; the next run starts
#                from them
#   findings/    inputs that broke something
#   logs/        the whole output of every run
set -euo pipefail

# shellcheck disable=SC2154 # the caller's
work=$root/.build-reliability
export VMUNET_RELIABILITY=1 # Package.swift adds the campaign's targets
mkdir -p "$work/logs" "$work/findings"

note() { printf 'reliability: %s\n' "$*" >&2; }
fail() {
    note "$@"
    exit 1
}

# A crash in Swift should reach the sanitizer, not Swift's own backtracer, which takes seconds.
export SWIFT_BACKTRACE=enable=no

# shellcheck disable=SC2034 # for libraries.sh and sanitize.sh
toolchain=$(dirname "$(readlink -f "$(command -v swiftc)")")
