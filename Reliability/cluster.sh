#!/usr/bin/env bash
# One run on two hosts that are network namespaces of this machine (docs/machines.md):
#   Reliability/cluster.sh [--short] [--only killed|cut|full|slow…]
# Needs Linux, root, Open MPI, and VMUNET_MPI_BINARY, the tool built with the trait MPI (with
# VMUNET_LIBRARY_PATH, the folder of its libtorch). Says what is missing and ends with 0 if something is.
# It makes links of its own and uses no other. Whatever happens, the kernel takes all of it away with
# the last process: hosts, links and mounts are in namespaces of this script's.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

skip() {
    echo "cluster: not tested: $1" >&2
    exit 0
}
[ "$(uname)" = Linux ] || skip "network namespaces are Linux's"
[ "$(id -u)" = 0 ] || skip "needs root, for network namespaces"
for program in ip tc unshare nsenter mpirun; do
    command -v "$program" >/dev/null || skip "no $program (Debian: iproute2, util-linux, openmpi-bin)"
done
mpirun --version | grep -q 'Open MPI' || skip "$(command -v mpirun) is not Open MPI's"
[ -x "${VMUNET_MPI_BINARY-}" ] || skip "VMUNET_MPI_BINARY does not name the tool built with MPI"
unshare --net --mount true 2>/dev/null || skip "this system allows no network namespaces"
[ -c /dev/net/tun ] || skip "no /dev/net/tun"

[ -z "${VMUNET_LIBRARY_PATH-}" ] || export LD_LIBRARY_PATH=$VMUNET_LIBRARY_PATH
export OMP_NUM_THREADS=1
folder=$(mktemp -d)
trap 'rmdir "$folder"' EXIT
mkdir -p /run/netns
TMPDIR=$folder unshare --mount --pid --fork --kill-child --mount-proc "${VMUNET_PYTHON:-python3}" "$here/cluster/cases.py" "$folder" "$@"
