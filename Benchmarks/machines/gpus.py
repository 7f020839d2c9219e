#!/usr/bin/env python3
"""Training on several GPUs of one machine: by NCCL, through the host, and on one GPU.

    gpus.py [--processes N] [--preset base] [--batch 32] [--cpu-dry-run]

Prints pictures a second and their ratio to one GPU's. NCCL and the host must give the same weights, bit for bit, since processes add in one order
either way. Needs mpirun and VMUNET_MPI_BINARY, the tool built with the trait MPI against the CUDA build of libtorch (in LD_LIBRARY_PATH).
`--cpu-dry-run` runs small sizes on the CPU, where NCCL has no part: a check of this script, not a measurement.
"""

import argparse
import pathlib
import sys
import tempfile

import steps


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--preset", default="base")
    options.add_argument("--batch", type=int, default=32, help="pictures of one GPU")
    options.add_argument("--cpu-dry-run", action="store_true")
    options = options.parse_args()
    if options.cpu_dry_run:
        options.preset, options.batch, size = "tiny", 1, 64
    else:
        size = 256
    N, rates, weights = options.processes, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = steps.set_of_pictures(folder / "set", 12 * options.batch * N, size)
        for name, processes, nccl in (("one GPU", 1, ""), ("NCCL", N, ""), ("through the host", N, "off")):
            run, batch = folder / name.replace(" ", "-"), options.batch * processes
            line = [str(a) for a in steps.arguments(data, run, options.preset, batch, 1)]
            line[line.index("--device") + 1] = "cpu" if options.cpu_dry_run else "cuda"
            line[line.index("--image-size") + 1] = str(size)
            words = steps.here(line, processes, {"VMUNET_NCCL": nccl})
            route = [row for row in words.splitlines() if "gradients go" in row]
            rates[name] = batch / steps.settled(run)
            weights[name] = (run / "checkpoints/last.safetensors").read_bytes()
            print(f"{name}: {processes} of batch {options.batch}, {rates[name]:.1f} pictures/s, {rates[name] / rates['one GPU']:.2f} × one; {route or ''}")
            if name == "NCCL" and not options.cpu_dry_run and not any("by NCCL" in row for row in route):
                sys.exit("NCCL was not used: see above")
    if weights["NCCL"] != weights["through the host"]:
        sys.exit("NCCL and the host gave other bits: a fault")
    print("the same bits by NCCL and through the host")


main()
