#!/usr/bin/env bash
# The campaign's short form: structured mutation, mutated files through the tool, kills, limits.
# ./test runs the last two, which need nothing built beside the tool. Needs VMUNET_BINARY and
# VMUNET_LIBRARY_PATH as harness.py does.
#   VMUNET_MUTATE   a built `mutate` (mutate.sh builds one); without it, mutation is left out
#   VMUNET_PYTHON   the Python to use
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
python=${VMUNET_PYTHON:-python3}
# Inputs of campaigns run by hand stay separate.
export VMUNET_CAMPAIGN=$work/short
rm -rf "$VMUNET_CAMPAIGN"
mkdir -p "$VMUNET_CAMPAIGN"

if [ -n "${VMUNET_MUTATE:-}" ]; then
    note "structured mutation"
    bash Reliability/mutate.sh 20000
    note "mutated files through the tool"
    "$python" Reliability/tool.py --count 200
fi
note "kills"
"$python" Reliability/kill.py --kills 8 --commands train,predict,convert,report
note "time and memory"
"$python" Reliability/limits.py --short
note "done"
