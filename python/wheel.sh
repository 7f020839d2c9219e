#!/usr/bin/env bash
# Makes a wheel of vmunet-torch for the torch of one Python:  python/wheel.sh [PYTHON] [FOLDER]
#
# PYTHON is python3 unless given, FOLDER the folder for the wheel, python/dist unless given. The
# wheel works with the release of torch that it was built against, on this kind of processor.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
python=${1:-python3}
folder=${2:-$here/dist}
torch=$("$python" -c 'import torch; print(torch.__version__.split("+")[0])') || {
    echo "wheel.sh: $python has no torch; name a Python that has" >&2
    exit 69
}
"$python" -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$folder" "$here"
echo "$folder has the wheel for torch $torch"
