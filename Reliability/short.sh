#!/usr/bin/env bash
# The campaign's short form, which ./test runs: structured mutation, mutated files through the tool,
# kills, limits. Less than a minute beyond what it builds; fuzz.sh and sanitize.sh build the package
# anew and are run by hand. Needs VMUNET_BINARY and VMUNET_LIBRARY_PATH as harness.py does.
#   VMUNET_MUTATE   a built `mutate`, instead of one that is built here
#   VMUNET_PYTHON   the Python to use
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
python=${VMUNET_PYTHON:-python3}
# What was reached by hand stays apart.
export VMUNET_CAMPAIGN=$work/short
rm -rf "$VMUNET_CAMPAIGN"
mkdir -p "$VMUNET_CAMPAIGN"

note "structured mutation"
bash Reliability/mutate.sh 20000
[ -n "${VMUNET_MUTATE:-}" ] || export VMUNET_MUTATE=$work/swift/plain/release/mutate
note "mutated files through the tool"
"$python" Reliability/tool.py --count 200
note "kills"
"$python" Reliability/kill.py --kills 8 --commands train,predict,convert,report
note "time and memory"
"$python" Reliability/limits.py --short
note "done"
