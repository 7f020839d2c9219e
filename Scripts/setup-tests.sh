#!/usr/bin/env bash
# Tests ./vmunet and setup.sh in a temporary folder, with stand-ins for swift, python3, pip,
# pkg-config, apt-get, df and others. Uses no network, installs nothing, takes seconds.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
project="$work/my project's"
stubs=$work/stubs
calls=$work/calls
export calls
case $OSTYPE in
    darwin*) suffix=dylib library_variable=DYLD_LIBRARY_PATH ;;
    *) suffix=so library_variable=LD_LIBRARY_PATH ;;
esac
export suffix library_variable
unset VMUNET_TORCH VMUNET_MPI OMPI_COMM_WORLD_SIZE PMI_SIZE SLURM_STEP_NUM_TASKS PKG_CONFIG_PATH "$library_variable"
export PATH="$stubs:$PATH"

# ---- stand-ins

mkdir "$stubs"
stub() {
    printf '#!/usr/bin/env bash\n' >"$stubs/$1"
    cat >>"$stubs/$1"
    chmod +x "$stubs/$1"
}

stub swift <<'E2'
if [ "$1" = --version ]; then echo "Swift version ${STUB_SWIFT-6.3.1} (stand-in)"; exit; fi
echo "swift $*" >>"$calls"
sleep "${STUB_BUILD_SECONDS-0}"
[ -z "${STUB_BUILD_FAILS-}" ] || { echo "error: $STUB_BUILD_FAILS"; exit 1; }
product=
while [ "$1" != --package-path ]; do
    [ "$1" != --product ] || product=$2
    shift
done
[ -z "${VMUNET_SERVER-}" ] || echo "with the server's packages" >"$2/Package.resolved"
folder=$2/.build/release
[ "${3-}" != --scratch-path ] || folder=$4/release
mkdir -p "$folder"
cat >"$folder/$product.new" <<'TOOL'
#!/usr/bin/env bash
[ "${0##*/}" = vmunet ] || printf '%s ' "${0##*/}"
printf '<%s>' "$@"
printf ' %s' "${!library_variable-}"
[ -z "${STUB_SHOW_NAME-}" ] || printf ' %s' "$VMUNET_COMMAND"
read -r line && printf ' %s' "$line"
exit "${STUB_STATUS-0}"
TOOL
chmod +x "$folder/$product.new"
mv "$folder/$product.new" "$folder/$product"
E2

# python3, the python of the virtual environments it makes, and pip.
stub python3 <<'E2'
case "$*" in
    -c*) exec true ;;
    -V) echo "Python 3.11.0"; exit ;;
    '-m venv'*)
        echo "venv" >>"$calls"
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
        exit ;;
esac
for argument; do
    case $argument in torch*) echo "pip $argument" >>"$calls" ;; esac
done
torch=${0%/bin/python}/lib/python3.11/site-packages/torch
case "${STUB_PIP-}:$*" in
    no-network:*) echo "ERROR: no network" >&2; exit 1 ;;
    full:*) mkdir -p "$torch"; echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1 ;;
    no-cpu-build:*+cpu*) echo "ERROR: No matching distribution" >&2; exit 1 ;;
    slow:*) mkdir -p "$torch/lib"; touch "$torch/lib/libtorch_cpu.$suffix"; sleep 1; exit 0 ;;
esac
make_torch "$torch"
E2

stub make_torch <<'E2'
mkdir -p "$1/lib" "$1/include/torch/headeronly"
head -c 64 "$(command -v bash)" >"$1/lib/libtorch_cpu.$suffix" # a library's beginning, for this processor
printf '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR %s\n#define TORCH_VERSION_PATCH 0\n' "${2-13}" \
    >"$1/include/torch/headeronly/version.h"
E2

stub pkg-config <<'E2'
[ "$2" != "${STUB_MISSING-}" ] || [ -e "$calls.installed" ]
E2
stub id <<'E2'
echo "${STUB_USER-1000}"
E2
stub apt-get <<'E2'
while [[ $1 == -* ]]; do [ "$1" != -o ] || shift; shift; done
echo "apt-get $*" >>"$calls"
case $1 in
    update) touch "$calls.updated" ;;
    install) [ -z "${STUB_APT_FAILS-}" ] || { echo "E: Unable to locate package" >&2; exit 100; }; touch "$calls.installed" ;;
esac
E2
stub apt-cache <<'E2'
[ -z "${STUB_NO_LISTS-}" ] || [ -e "$calls.updated" ]
E2
stub sudo <<'E2'
exit 1
E2
stub df <<'E2'
printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 90000000 1 %s 1%% /\n' $((${STUB_FREE-50000} * 1024))
E2

# ---- checks

test=
failures=0

begin() {
    test=$1
    : >"$calls"
    rm -f "$calls.installed" "$calls.updated"
}

fresh() {
    begin "$1"
    rm -rf "$project"
    mkdir -p "$project/Scripts" "$project/Sources/Tool"
    cp "$here/vmunet" "$project/"
    cp "$here/Scripts/setup.sh" "$here/Scripts/dicom.sh" "$project/Scripts/"
    touch "$project/Package.swift" "$project/Sources/Tool/main.swift"
}


# run COMMAND…: leaves its status in `status` and its output in `out` and `err`.
run() {
    status=0
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    out=$(cat "$work/out")
    err=$(cat "$work/err")
}

# expect WHAT GOT WANTED, a pattern
expect() {
    # shellcheck disable=SC2053 # the right side is a pattern
    if [[ $2 != $3 ]]; then
        failures=$((failures + 1))
        printf 'set-up: %s: %s is\n%s\nexpected\n%s\n' "$test" "$1" "$2" "$3" >&2
    fi
}

# called WANTED: compares the stand-ins' calls since the test began, separated by bars.
called() { expect calls "$(tr '\n' '|' <"$calls")" "$1"; }

# File times have the kernel's resolution, at most ten milliseconds.
tick() { sleep 0.03; }

own_torch=$project/.deps/python/lib/python3.11/site-packages/torch
installs='venv|pip torch==2.13.0+cpu|'
builds="swift build -c release --disable-build-manifest-caching --product vmunet --package-path $project|"
report_builds=${builds/--product vmunet/--product vmunet-report}
train_builds=${builds/--product vmunet/--product vmunet-train}
[ $suffix = so ] || installs='venv|pip torch==2.13.0|'
[ ! -e /proc/driver/nvidia/version ] && [ ! -e /dev/dxg ] || installs='venv|pip torch==2.13.0|'

fresh "first call"
status=0
out=$(printf 'from stdin\n' | STUB_STATUS=65 "$project/vmunet" train "a  b" '' '*' 2>"$work/err") || status=$?
expect status $status 65
expect output "$out" "vmunet-train <train><a  b><><\\*> $own_torch/lib from stdin"
called "$installs$train_builds"

begin "second call only runs"
run "$project/vmunet" help train
expect output "$out" "vmunet-train <help><train> *"
expect messages "$err" ''
called ''

begin "an existing library path is kept, at the end"
run env "$library_variable=/mine" "$project/vmunet" train
expect output "$out" "* $own_torch/lib:/mine"

begin "a change causes one build"
tick && touch "$project/Sources/Tool/main.swift"
run "$project/vmunet" train && run "$project/vmunet" train
called "$train_builds"

begin "a new file causes a build"
tick && touch "$project/Sources/Tool/other.swift"
run "$project/vmunet" train && called "$train_builds"

begin "a removed file causes a build"
tick && rm "$project/Sources/Tool/other.swift"
run "$project/vmunet" train && called "$train_builds"

begin "through links, from elsewhere"
mkdir -p "$work/bin"
ln -sf "$project/vmunet" "$work/bin/one"
ln -sf one "$work/bin/two"
cd "$work/bin"
run ./two train x
expect output "$out" "vmunet-train <train><x> *"
run bash two train x
expect output "$out" "vmunet-train <train><x> *"
cd "$project"
run bash vmunet train x
expect output "$out" "vmunet-train <train><x> *"
cd "$work"
called ''

begin "env"
run "$project/vmunet" env
expect status "$status" 0
values=$(
    eval "$out"
    printf '%s|%s' "$PKG_CONFIG_PATH" "${!library_variable}"
)
expect values "$values" "$project/.deps/pkgconfig|$own_torch/lib"
called ''

begin "setup runs nothing"
run "$project/vmunet" setup
expect output "$out" ''
expect status "$status" 0
run "$project/vmunet" setup now
expect status "$status" 64
run "$project/vmunet" setup predict now
expect status "$status" 64
called "$builds$report_builds"

begin "the server is built apart, and Package.resolved stays what it was"
run "$project/vmunet" serve --port 1
expect output "$out" "vmunet-serve <serve><--port><1>*"
[ ! -e "$project/Package.resolved" ] || expect "Package.resolved" there gone
echo light >"$project/Package.resolved"
tick && touch "$project/Sources/Tool/main.swift"
run "$project/vmunet" setup serve
expect "Package.resolved" "$(cat "$project/Package.resolved")" light
server_build="swift build -c release --disable-build-manifest-caching --product vmunet-serve --package-path $project --scratch-path $project/.build-serve|"
called "$server_build$server_build"
rm "$project/Package.resolved"

begin "with a GPU the server is built with libtorch, apart from the other"
run "$project/vmunet" serve --device cuda --port 1
expect output "$out" "vmunet-serve <serve><--device><cuda><--port><1> $own_torch/lib"
run "$project/vmunet" serve --port 1 --libtorch
expect output "$out" "vmunet-serve <serve><--port><1><--libtorch> $own_torch/lib"
called "swift build -c release --disable-build-manifest-caching --product vmunet-serve --package-path $project --scratch-path $project/.build-serve-libtorch|"

begin "training on several processes is built apart, with the MPI that is there"
stub mpirun <<<''
stub mpicc <<<'echo "gcc -Wl,-z,relro -I/opt/mpi/include -L/opt/mpi/lib -lmpi"'
mpi_build="swift build -c release --disable-build-manifest-caching --traits MPI --product vmunet-train --package-path $project --scratch-path $project/.build-mpi|"
run env VMUNET_MPI=1 "$project/vmunet" train x
expect output "$out" "vmunet-train <train><x> $own_torch/lib"
run env OMPI_COMM_WORLD_SIZE=2 "$project/vmunet" train x
run env PMI_SIZE=4 "$project/vmunet" train x
run env SLURM_STEP_NUM_TASKS=2 "$project/vmunet" train x
called "$mpi_build"
expect file "$(cat "$project/.deps/pkgconfig/vmunet-mpi.pc")" "*Cflags: -I/opt/mpi/include*Libs: -L/opt/mpi/lib -lmpi"
run env OMPI_COMM_WORLD_SIZE=1 "$project/vmunet" train x
run env VMUNET_MPI=0 OMPI_COMM_WORLD_SIZE=2 "$project/vmunet" train x
run env OMPI_COMM_WORLD_SIZE=2 "$project/vmunet" predict x
expect output "$out" "<predict><x> "
begin "another MPI causes a build"
stub mpicc <<<'echo "gcc -I/opt/mpich/include -L/opt/mpich/lib -lmpich"'
run "$project/vmunet" setup mpi
expect status "$status" 0
called "$mpi_build"
rm "$stubs/mpicc" "$stubs/mpirun"

begin "hints use the name that was typed"
cd "$project"
STUB_SHOW_NAME=1 run ./vmunet train x
expect output "$out" "vmunet-train <train><x> * ./vmunet"
STUB_SHOW_NAME=1 VMUNET_COMMAND=mine run ./vmunet train x
expect output "$out" "vmunet-train <train><x> * mine"
STUB_SHOW_NAME=1 run ./vmunet --generate-completion-script bash
expect output "$out" "<--generate-completion-script><bash> * vmunet"
cd "$work"

begin "pkg-config file"
expect file "$(cat "$project/.deps/pkgconfig/vmunet-torch.pc")" "*Version: 2.13.0*-L$work/my\\\\ project's/.deps/*/torch/lib -ltorch_cpu -lc10"

begin "moved with its build"
tick && mv "$project" "$work/moved"
run "$work/moved/vmunet" train x
expect output "$out" "vmunet-train <train><x> $work/moved/.deps/*"
expect messages "$err" "*the project has moved here from $project; building anew*"
called "swift build *"
mv "$work/moved" "$project"

fresh "predicting needs no libtorch"
run "$project/vmunet" predict a --device cpu
expect output "$out" "<predict><a><--device><cpu> "
called "$builds"
begin "the second time sets up nothing"
run "$project/vmunet" evaluate --device=cpu
expect output "$out" "<evaluate><--device=cpu> "
run "$project/vmunet"
expect output "$out" "<> "
called ''
begin "a report has its own executable"
run "$project/vmunet" report runs/x
expect output "$out" "vmunet-report <report><runs/x> "
called "$report_builds"
begin "training sets up libtorch"
run "$project/vmunet" train --data x
expect output "$out" "vmunet-train <train><--data><x> $own_torch/lib"
called "$installs$train_builds"
begin "a GPU, too"
for line in 'predict x --device cuda' 'predict --device=cuda x' 'evaluate --device cuda:1' 'bench --train' 'bench --batch-size 8 --profile' 'help train' 'ablate --help' demo; do
    # shellcheck disable=SC2086 # words
    run "$project/vmunet" $line
    expect "output of $line" "$out" "vmunet-train <*> $own_torch/lib"
done
run "$project/vmunet" bench --train --device cpu
expect output "$out" "vmunet-train <bench><--train><--device><cpu> $own_torch/lib"
called ''
begin "installing libtorch does not rebuild the program for predicting"
run "$project/vmunet" predict x
expect output "$out" "<predict><x> "
called ''

fresh "setup of everything"
run "$project/vmunet" setup
expect status "$status" 0
called "$builds$report_builds$installs$train_builds"
fresh "setup for predicting"
run "$project/vmunet" setup predict
expect status "$status" 0
called "$builds"
fresh "no Python is needed"
cp "$stubs/python3" "$work/python3" && printf '#!/bin/sh\nexit 1\n' >"$stubs/python3"
run "$project/vmunet" predict x
expect output "$out" "<predict><x> "
cp "$work/python3" "$stubs/python3"

fresh "VMUNET_TORCH"
make_torch "$work/site packages/torch"
make_torch "$work/old/torch" 10
run env VMUNET_TORCH="$work/site packages" "$project/vmunet" train
expect output "$out" "* $work/site packages/torch/lib"
called "$train_builds"
begin "VMUNET_TORCH is remembered, and naming it again builds nothing"
run "$project/vmunet" train && run env VMUNET_TORCH="$work/site packages" "$project/vmunet" train
expect output "$out" "* $work/site packages/torch/lib"
called ''
begin "VMUNET_TORCH without a libtorch"
run env VMUNET_TORCH="$work/stubs" "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*VMUNET_TORCH=$work/stubs holds no libtorch*"
run env VMUNET_TORCH="$work/old" "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*libtorch 2.10.0; 2.11 or newer*"
begin "afterwards the remembered one is used"
run "$project/vmunet" train
expect output "$out" "* $work/site packages/torch/lib"
begin "VMUNET_TORCH relative"
cd "$work"
run env VMUNET_TORCH="site packages/torch" "$project/vmunet" train
expect output "$out" "* $work/site packages/torch/lib"
begin "VMUNET_TORCH empty forgets it"
run env VMUNET_TORCH= "$project/vmunet" train
expect output "$out" "* $own_torch/lib"
called "$installs$train_builds"

if [ $suffix = so ]; then
    fresh "VMUNET_TORCH for another processor"
    make_torch "$work/other/torch"
    printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\003\0\377\0' >"$work/other/torch/lib/libtorch_cpu.so"
    run env VMUNET_TORCH="$work/other" "$project/vmunet" train
    expect status "$status" 69
    expect messages "$err" "*$work/other/torch is a libtorch for another kind of processor than this machine's*"
fi

fresh "VMUNET_TORCH that was removed"
make_torch "$work/gone/torch"
run env VMUNET_TORCH="$work/gone" "$project/vmunet" train
rm -r "$work/gone"
run "$project/vmunet" train
expect output "$out" "* $own_torch/lib"
expect messages "$err" "*$work/gone*no longer holds libtorch*"

if [ $suffix = so ]; then
    export STUB_MISSING=libpng
    fresh "a library is missing"
    run "$project/vmunet" train
    expect status "$status" 69
    expect messages "$err" "*missing: libpng-dev*sudo sh -c 'apt-get update && apt-get install -y libpng-dev'"
    called ''
    begin "a library is missing, and there is no sudo"
    mkdir -p "$work/tools"
    for name in bash env cat find mkdir mv rm tr uname flock git sed readlink printf; do ln -sf "$(command -v $name)" "$work/tools/$name"; done
    mv "$stubs/sudo" "$work/sudo"
    PATH=$stubs:$work/tools run "$project/vmunet" train
    mv "$work/sudo" "$stubs/sudo"
    expect status "$status" 69
    expect messages "$err" "*missing: libpng-dev*As root, install them with:*  apt-get update && apt-get install -y libpng-dev"
    begin "a library is missing, as root"
    run env STUB_USER=0 "$project/vmunet" train x
    expect output "$out" "vmunet-train <train><x> *"
    called "apt-get install * libpng-dev|$installs$train_builds"
    expect messages "$err" "vmunet: installing libpng-dev*"
    fresh "a library is missing, as root, without lists of packages"
    run env STUB_USER=0 STUB_NO_LISTS=1 "$project/vmunet" train x
    expect output "$out" "vmunet-train <train><x> *"
    called "apt-get update|apt-get install * libpng-dev|$installs$train_builds"
    fresh "a library is missing, as root, and apt-get fails"
    run env STUB_USER=0 STUB_APT_FAILS=1 "$project/vmunet" train x
    expect status "$status" 69
    expect messages "$err" "vmunet: installing libpng-dev*E: Unable to locate package*vmunet: apt-get could not install them*"
    called "apt-get install * libpng-dev|apt-get update|apt-get install * libpng-dev|"
    unset STUB_MISSING

    fresh "no build for CPUs"
    run env STUB_PIP=no-cpu-build "$project/vmunet" train
    expect output "$out" "* $own_torch/lib"
    called "venv|*pip torch==2.13.0|$train_builds"
fi

fresh "no network"
run env STUB_PIP=no-network "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*ERROR: no network*Without a network, use an installed torch*"
expect log "$(cat "$project/.deps/pip.log")" "*torch==2.13.0*ERROR: no network*torch==2.13.0*ERROR: no network"
[ ! -e "$project/.deps/python" ] || expect "half an installation" there gone
begin "network again"
run "$project/vmunet" train x
expect output "$out" "vmunet-train <train><x> *"

fresh "the disk fills up"
run env STUB_PIP=full "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*the disk is full: libtorch needs 800 MB in $project/.deps*Make room*"
expect log "$(cat "$project/.deps/pip.log")" "*No space left on device"
[ ! -e "$project/.deps/python" ] || expect "half an installation" there gone
called "${installs%|}|"
begin "too little room is noticed beforehand"
run env STUB_FREE=900 "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*not enough room on the disk: libtorch needs 1000 MB in $project/.deps, and 900 MB are free there.*"
[ ! -e "$project/.deps/python" ] || expect "half an installation" there gone
called 'venv|'

fresh "old Swift"
run env STUB_SWIFT=5.10 "$project/vmunet" train
expect status "$status" 69
expect messages "$err" "*Swift 6.1 or newer is needed; this is 5.10*"

fresh "a build that fails"
run env STUB_BUILD_FAILS="no such module" "$project/vmunet" train
expect status "$status" 70
expect messages "$err" "*error: no such module*"
begin "the next call builds"
run "$project/vmunet" train x
expect output "$out" "vmunet-train <train><x> *"
called "$train_builds"

fresh "two calls at once set up and build once"
STUB_BUILD_SECONDS=0.3 "$project/vmunet" train one >"$work/one" 2>&1 &
STUB_BUILD_SECONDS=0.3 "$project/vmunet" train two >"$work/two" 2>&1 &
wait
expect "first's output" "$(cat "$work/one")" "*vmunet-train <train><one> *"
expect "second's output" "$(cat "$work/two")" "*vmunet-train <train><two> *"
called "$installs$train_builds"

fresh "killed in the middle of pip"
{
    STUB_PIP=slow "$project/vmunet" train >/dev/null 2>&1 &
    victim=$!
    until [ -e "$own_torch/lib/libtorch_cpu.$suffix" ]; do sleep 0.01; done
    kill -9 $victim
    wait $victim
} 2>/dev/null || true
run "$project/vmunet" train x
expect output "$out" "vmunet-train <train><x> *"
called "$installs$installs$train_builds"

fresh "killed in the middle of the build"
{
    STUB_BUILD_SECONDS=0.5 "$project/vmunet" train >/dev/null 2>&1 &
    victim=$!
    until grep -q swift "$calls"; do sleep 0.01; done
    kill -9 $victim
    wait $victim
} 2>/dev/null || true
run "$project/vmunet" train x
expect output "$out" "vmunet-train <train><x> *"
called "$installs$train_builds$train_builds"

[ $failures = 0 ] || {
    printf 'set-up: %s checks failed\n' $failures >&2
    exit 1
}
