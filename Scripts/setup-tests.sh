#!/usr/bin/env bash
# Tests ./vmunet and setup.sh in a temporary folder with stand-ins for swift, python3, pip, pkg-config, apt-get and id: no network,
# nothing installed, a few seconds.
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
unset VMUNET_TORCH PKG_CONFIG_PATH "$library_variable"
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
while [ "$1" != --package-path ]; do shift; done
mkdir -p "$2/.build/release"
cat >"$2/.build/release/vmunet.new" <<'TOOL'
#!/usr/bin/env bash
printf '<%s>' "$@"
printf ' %s' "${!library_variable}"
read -r line && printf ' %s' "$line"
exit "${STUB_STATUS-0}"
TOOL
chmod +x "$2/.build/release/vmunet.new"
mv "$2/.build/release/vmunet.new" "$2/.build/release/vmunet"
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
    no-cpu-build:*+cpu*) echo "ERROR: No matching distribution" >&2; exit 1 ;;
    slow:*) mkdir -p "$torch/lib"; touch "$torch/lib/libtorch_cpu.$suffix"; sleep 1; exit 0 ;;
esac
make_torch "$torch"
E2

stub make_torch <<'E2'
mkdir -p "$1/lib" "$1/include/torch/headeronly"
touch "$1/lib/libtorch_cpu.$suffix"
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
echo "apt-get $*" >>"$calls"
case $1 in install) touch "$calls.installed" ;; esac
E2

# ---- checks

test=
failures=0

begin() {
    test=$1
    : >"$calls"
    rm -f "$calls.installed"
}

fresh() {
    begin "$1"
    rm -rf "$project"
    mkdir -p "$project/Scripts" "$project/Sources/Tool"
    cp "$here/vmunet" "$project/"
    cp "$here/Scripts/setup.sh" "$project/Scripts/"
    touch "$project/Package.swift" "$project/Sources/Tool/main.swift"
}

# run COMMAND…: its status in `status`, what it says in `out` and `err`.
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

# called WANTED: the stand-ins' calls since the test began, separated by bars.
called() { expect calls "$(tr '\n' '|' <"$calls")" "$1"; }

# File times have the kernel's tick, of at most ten milliseconds.
tick() { sleep 0.03; }

own_torch=$project/.deps/python/lib/python3.11/site-packages/torch
installs='venv|pip torch==2.13.0+cpu|'
builds="swift build -c release --product vmunet --package-path $project|"
[ $suffix = so ] || installs='venv|pip torch==2.13.0|'
[ ! -e /proc/driver/nvidia/version ] && [ ! -e /dev/dxg ] || installs='venv|pip torch==2.13.0|'

fresh "first call"
status=0
out=$(printf 'from stdin\n' | STUB_STATUS=65 "$project/vmunet" train "a  b" '' '*' 2>"$work/err") || status=$?
expect status $status 65
expect output "$out" "<train><a  b><><\\*> $own_torch/lib from stdin"
called "$installs$builds"

begin "second call does nothing but run"
run "$project/vmunet" help
expect output "$out" "<help> *"
expect messages "$err" ''
called ''

begin "a library path that is set stays, behind"
run env "$library_variable=/mine" "$project/vmunet"
expect output "$out" "* $own_torch/lib:/mine"

begin "a change builds again, once"
tick && touch "$project/Sources/Tool/main.swift"
run "$project/vmunet" && run "$project/vmunet"
called "$builds"

begin "a new file builds again"
tick && touch "$project/Sources/Tool/other.swift"
run "$project/vmunet" && called "$builds"

begin "a removed file builds again"
tick && rm "$project/Sources/Tool/other.swift"
run "$project/vmunet" && called "$builds"

begin "through links, from elsewhere"
mkdir -p "$work/bin"
ln -sf "$project/vmunet" "$work/bin/one"
ln -sf one "$work/bin/two"
cd "$work/bin"
run ./two x
expect output "$out" "<x> *"
run bash two x
expect output "$out" "<x> *"
cd "$project"
run bash vmunet x
expect output "$out" "<x> *"
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

begin "pkg-config file"
expect file "$(cat "$project/.deps/pkgconfig/vmunet-torch.pc")" "*Version: 2.13.0*-L$work/my\\\\ project's/.deps/*/torch/lib -ltorch_cpu -lc10"

begin "moved with its build"
tick && mv "$project" "$work/moved"
run "$work/moved/vmunet" x
expect output "$out" "<x> $work/moved/.deps/*"
called "swift build *"
mv "$work/moved" "$project"

fresh "VMUNET_TORCH"
make_torch "$work/site packages/torch"
make_torch "$work/old/torch" 10
run env VMUNET_TORCH="$work/site packages" "$project/vmunet"
expect output "$out" "* $work/site packages/torch/lib"
called "$builds"
begin "VMUNET_TORCH is remembered, and named again builds nothing"
run "$project/vmunet" && run env VMUNET_TORCH="$work/site packages" "$project/vmunet"
expect output "$out" "* $work/site packages/torch/lib"
called ''
begin "VMUNET_TORCH that holds none"
run env VMUNET_TORCH="$work/stubs" "$project/vmunet"
expect status "$status" 69
expect messages "$err" "*VMUNET_TORCH=$work/stubs holds no libtorch*"
run env VMUNET_TORCH="$work/old" "$project/vmunet"
expect status "$status" 69
expect messages "$err" "*libtorch 2.10.0; 2.11 or newer*"
begin "and after that the one remembered"
run "$project/vmunet"
expect output "$out" "* $work/site packages/torch/lib"
begin "VMUNET_TORCH relative"
cd "$work"
run env VMUNET_TORCH="site packages/torch" "$project/vmunet"
expect output "$out" "* $work/site packages/torch/lib"
begin "VMUNET_TORCH empty forgets it"
run env VMUNET_TORCH= "$project/vmunet"
expect output "$out" "* $own_torch/lib"
called "$installs$builds"

fresh "VMUNET_TORCH that has gone"
make_torch "$work/gone/torch"
run env VMUNET_TORCH="$work/gone" "$project/vmunet"
rm -r "$work/gone"
run "$project/vmunet"
expect output "$out" "* $own_torch/lib"
expect messages "$err" "*$work/gone*holds no libtorch any more*"

if [ $suffix = so ]; then
    export STUB_MISSING=libpng
    fresh "a library is missing"
    run "$project/vmunet"
    expect status "$status" 69
    expect messages "$err" "*missing: libpng-dev*sudo apt-get install -y libpng-dev"
    called ''
    begin "a library is missing, as root"
    run env STUB_USER=0 "$project/vmunet" x
    expect output "$out" "<x> *"
    called "apt-get install * libpng-dev|$installs$builds"
    unset STUB_MISSING

    fresh "no build for CPUs"
    run env STUB_PIP=no-cpu-build "$project/vmunet"
    expect output "$out" "* $own_torch/lib"
    called "venv|*pip torch==2.13.0|$builds"
fi

fresh "no network"
run env STUB_PIP=no-network "$project/vmunet"
expect status "$status" 69
expect messages "$err" "*ERROR: no network*Without a network, use a torch that is there*"
begin "network again"
run "$project/vmunet" x
expect output "$out" "<x> *"

fresh "old Swift"
run env STUB_SWIFT=5.10 "$project/vmunet"
expect status "$status" 69
expect messages "$err" "*Swift 6.1 or newer is needed; this is 5.10*"

fresh "a build that fails"
run env STUB_BUILD_FAILS="no such module" "$project/vmunet"
expect status "$status" 70
expect messages "$err" "*error: no such module*"
begin "builds next time"
run "$project/vmunet" x
expect output "$out" "<x> *"
called "$builds"

fresh "two at once set up and build once"
STUB_BUILD_SECONDS=0.3 "$project/vmunet" one >"$work/one" 2>&1 &
STUB_BUILD_SECONDS=0.3 "$project/vmunet" two >"$work/two" 2>&1 &
wait
expect "first's output" "$(cat "$work/one")" "*<one> *"
expect "second's output" "$(cat "$work/two")" "*<two> *"
called "$installs$builds"

fresh "killed in the middle of pip"
{
    STUB_PIP=slow "$project/vmunet" setup >/dev/null 2>&1 &
    victim=$!
    until [ -e "$own_torch/lib/libtorch_cpu.$suffix" ]; do sleep 0.01; done
    kill -9 $victim
    wait $victim
} 2>/dev/null || true
run "$project/vmunet" x
expect output "$out" "<x> *"
called "$installs$installs$builds"

fresh "killed in the middle of the build"
{
    STUB_BUILD_SECONDS=0.5 "$project/vmunet" setup >/dev/null 2>&1 &
    victim=$!
    until grep -q swift "$calls"; do sleep 0.01; done
    kill -9 $victim
    wait $victim
} 2>/dev/null || true
run "$project/vmunet" x
expect output "$out" "<x> *"
called "$installs$builds$builds"

[ $failures = 0 ] || {
    printf 'set-up: %s checks failed\n' $failures >&2
    exit 1
}
