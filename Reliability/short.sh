#!/usr/bin/env bash
# The campaign's short form, about a minute after building. Needs VMUNET_BINARY and
# VMUNET_LIBRARY_PATH like harness.py; VMUNET_PYTHON is the Python to use.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"
cd "$root"
python=${VMUNET_PYTHON:-python3}

note "structured mutation"
bash Reliability/mutate.sh 20000 "${VMUNET_CAMPAIGN_SEED:-1}"
case $OSTYPE in
    linux*)
        note "coverage-guided fuzzing"
        bash Reliability/fuzz.sh --seconds 2 --system-libraries
        ;;
    *) note "no coverage-guided fuzzing: this toolchain comes without libFuzzer" ;;
esac
note "mutated files through the tool"
files=$work/files-short
rm -rf "$files"
VMUNET_SEEDS=$root/Tests "$work/swift/plain/release/mutate" files "$files" 120
"$python" Reliability/tool.py "$files"
note "kills"
"$python" Reliability/kill.py --kills 10
note "time and memory"
"$python" Reliability/limits.py --short
note "done"
