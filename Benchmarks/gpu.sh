#!/usr/bin/env bash
# Measures a machine with an NVIDIA GPU in one run: parity with the CPU, times and memory beside
# PyTorch's, and each kernel's speed relative to the GPU's. Writes docs/results/gpu.md.
#
#   Benchmarks/gpu.sh [--output FILE.md] [--no-peer] [--no-graph] [--preset base|small|tiny] [--runs N] [--seconds N] [--steps parity,times,kernels,memory]
#   Benchmarks/gpu.sh --cpu-dry-run      runs the same steps in small sizes on the CPU, into a temporary file: a check of the script, not a measurement
#
# VMUNET_PYTHON   the Python whose torch the peer uses, and this package too unless VMUNET_TORCH is set (default: python3)
# VMUNET_BINARY   a built tool, for a machine without Swift: `swift build -c release --static-swift-stdlib --product vmunet-train` against the same version of
#                 torch elsewhere. It uses the Python's libtorch. The machine needs the C libraries libturbojpeg, libpng and libzip.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(dirname -- "$here")
python=${VMUNET_PYTHON:-python3}

if ! torch=$("$python" -c 'import torch; print(torch.__path__[0])'); then
    echo "gpu.sh: '$python' has no torch; name a Python that has one: VMUNET_PYTHON=/path/to/python Benchmarks/gpu.sh" >&2
    exit 69
fi
torch=${VMUNET_TORCH:-$torch}
if [ -n "${VMUNET_BINARY-}" ]; then
    tool=$VMUNET_BINARY
    library_path=$torch/lib
    [ -e "$library_path/libtorch_cpu.so" ] || library_path=$torch/torch/lib
    if [ ! -x "$tool" ] || [ ! -e "$library_path/libtorch_cpu.so" ]; then
        echo "gpu.sh: expected a tool in VMUNET_BINARY ($tool) and libtorch_cpu.so in $library_path" >&2
        exit 69
    fi
    export LD_LIBRARY_PATH=$library_path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
    export VMUNET_TORCH=$torch
    "$root/vmunet" setup
    tool=$root/vmunet
fi
exec "$python" "$here/gpu/measure.py" --tool "$tool" "$@"
