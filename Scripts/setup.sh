# shellcheck shell=bash
# The set-up that ./vmunet and ./test share. Sourced, with `root` set to the project's folder; bash 3.2 and POSIX tools.
#
# Everything it makes is in .deps:
#   python/       a virtual environment that holds libtorch, complete when python/.installed is there
#   pkgconfig/    vmunet-torch.pc, through which SwiftPM finds libtorch
#   ready         set-up done: the project's folder, the VMUNET_TORCH asked for, the libtorch folder in use
#   built         tool built; its time is the start of that build
#   lock          held while any of this changes
# A file that says "done" is written last and moved into place, so work cut short at any point is done again by the next call.

torch_version=2.13.0     # what is downloaded
oldest_torch=2.11        # what VMUNET_TORCH may bring
oldest_swift=6.1
torch_cpu_index=https://download.pytorch.org/whl/cpu

# shellcheck disable=SC2154 # the caller's
deps=$root/.deps
tool=$root/.build/release/vmunet
torch=                   # the libtorch folder in use (include/, lib/); set by is_ready and find_torch
case $OSTYPE in
    darwin*) suffix=dylib ;;
    *) suffix=so ;;
esac

# Paths in VMUNET_TORCH are relative to where the user stands, and remembered.
case ${VMUNET_TORCH-} in
    '' | /*) ;;
    *) VMUNET_TORCH=$PWD/$VMUNET_TORCH ;;
esac

note() { printf 'vmunet: %s\n' "$*" >&2; }

# fail STATUS LINE…: each line is printed, then the script ends.
fail() {
    local status=$1 line
    shift
    for line; do note "$line"; done
    exit "$status"
}

# at_least 6.3.1 6.1: whether the first version is not older than the second. Looks at two numbers.
at_least() {
    local have_major=${1%%.*} have_minor=${1#*.} want_major=${2%%.*} want_minor=${2#*.}
    have_minor=${have_minor%%.*}
    want_minor=${want_minor%%.*}
    [ "$have_major" -gt "$want_major" ] || { [ "$have_major" = "$want_major" ] && [ "$have_minor" -ge "$want_minor" ]; }
}

# ---- the whole

# prepare libraries | tool: libtorch and the C libraries are there; with `tool`, the tool is built as well. Costs a few
# milliseconds when all is.
prepare() {
    if is_ready && { [ "$1" != tool ] || is_built; }; then return; fi
    lock
    # Another call may have done the work while this one waited for it.
    is_ready || set_up
    [ "$1" != tool ] || is_built || build
    unlock
}

is_ready() {
    local from wanted
    [ -f "$deps/ready" ] && [ -f "$deps/pkgconfig/vmunet-torch.pc" ] && [ ! "$root/Scripts/setup.sh" -nt "$deps/ready" ] || return 1
    { IFS= read -r from && IFS= read -r wanted && IFS= read -r torch; } <"$deps/ready" || return 1
    [ "$from" = "$root" ] && [ "${VMUNET_TORCH-$wanted}" = "$wanted" ] && [ -e "$torch/lib/libtorch_cpu.$suffix" ]
}

is_built() {
    local changed
    [ -x "$tool" ] && [ -f "$deps/built" ] && [ ! "$deps/ready" -nt "$deps/built" ] || return 1
    # Folders count: their time changes when a file is added to them or removed.
    changed=$(find "$root/Package.swift" "$root/Sources" -newer "$deps/built" -print) && [ -z "$changed" ]
}

# Descriptor 9 is inherited on purpose: the lock lasts until the last process that works in .deps has ended, even when the script
# that started it was killed.
lock() {
    if ! { mkdir -p "$deps" && : >>"$deps/lock"; } 2>/dev/null; then
        fail 69 "cannot write in $deps, where libtorch and the build go; make this folder writable, or copy the project to one that is."
    fi
    exec 9>>"$deps/lock"
    if command -v flock >/dev/null; then
        flock -n 9 && return
        note "waiting for another set-up of this folder to end"
        flock 9
    elif command -v python3 >/dev/null; then
        python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    fi
}

unlock() { exec 9>&-; }

set_up() {
    local wanted
    rm -f "$deps/ready"
    check_libraries
    check_swift
    if [ -n "${VMUNET_TORCH+set}" ]; then
        wanted=$VMUNET_TORCH
    else
        wanted=$(remembered_torch)
    fi
    find_torch "$wanted"
    check_torch
    write_pkgconfig
    printf '%s\n' "$wanted" >"$deps/wanted"
    printf '%s\n%s\n%s\n' "$root" "$wanted" "$torch" >"$deps/ready.new"
    mv -f "$deps/ready.new" "$deps/ready"
}

# ---- tools and C libraries

check_swift() {
    local version
    command -v swift >/dev/null || fail 69 "Swift $oldest_swift or newer is needed and 'swift' is not on the PATH. The one line to install it:" "$(swift_line)"
    version=$(swift --version 2>/dev/null </dev/null) || fail 69 "'swift --version' fails; is the toolchain whole? $(command -v swift)"
    [[ $version =~ [Vv]ersion\ ([0-9]+\.[0-9]+) ]] || fail 69 "cannot read a version from 'swift --version': $version"
    at_least "${BASH_REMATCH[1]}" $oldest_swift ||
        fail 69 "Swift $oldest_swift or newer is needed; this is ${BASH_REMATCH[1]} ($(command -v swift)). The one line to install it:" "$(swift_line)"
}

swift_line() {
    if [ $suffix = dylib ]; then
        printf '  xcode-select --install'
    else
        # shellcheck disable=SC2016 # to be run by the user's shell
        printf '%s' '  curl -LO "https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" && tar xf swiftly-*.tar.gz && ./swiftly init'
    fi
}

# Names of packages (Debian's, or Homebrew's on macOS) whose tools, headers or libraries are missing, one a line. The libraries are
# Package.swift's, by the names of their pkg-config files.
missing_packages() {
    local pair
    command -v git >/dev/null || echo git
    if [ $suffix = dylib ]; then
        command -v python3 >/dev/null || echo python3
        command -v pkg-config >/dev/null || echo pkgconf
        for pair in libturbojpeg=jpeg-turbo libpng=libpng libzip=libzip; do
            pkg-config --exists "${pair%%=*}" 2>/dev/null || echo "${pair#*=}"
        done
    else
        command -v python3 >/dev/null || echo python3
        [ -n "${VMUNET_TORCH-}" ] || python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        command -v pkg-config >/dev/null || echo pkg-config
        # The first is any C++ standard library header: Swift's clang++ takes GCC's.
        compgen -G '/usr/include/c++/*/vector' >/dev/null || echo g++
        for pair in zlib=zlib1g-dev libturbojpeg=libturbojpeg0-dev libpng=libpng-dev libzip=libzip-dev; do
            pkg-config --exists "${pair%%=*}" 2>/dev/null || echo "${pair#*=}"
        done
    fi
}

check_libraries() {
    local missing
    missing=$(missing_packages | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if [ $suffix = dylib ]; then
        fail 69 "missing: $missing. The one line to install them:" "  brew install $missing"
    elif ! command -v apt-get >/dev/null; then
        fail 69 "missing, by their Debian names: $missing. Install your system's packages of these, with their headers."
    elif [ "$(id -u)" != 0 ]; then
        fail 69 "missing: $missing. The one line to install them:" "  sudo apt-get install -y $missing"
    fi
    note "installing $missing"
    # shellcheck disable=SC2086 # a list of names
    apt_install $missing || { apt-get update && apt_install $missing; } 9>&- >&2 </dev/null ||
        fail 69 "apt-get could not install them; the reason is above. To try by hand:" "  apt-get update && apt-get install -y $missing"
    missing=$(missing_packages | tr '\n' ' ')
    [ -z "$missing" ] || fail 69 "installed, and yet not found: $missing"
}

# Not for lack of a package list: the caller then fetches the lists. Without descriptor 9: a service started by a package would
# hold the lock for ever.
apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" 9>&- >&2 </dev/null
}

# ---- libtorch

# What VMUNET_TORCH was when the set-up last succeeded. Survives `ready`.
remembered_torch() {
    local wanted=
    [ ! -f "$deps/wanted" ] || IFS= read -r wanted <"$deps/wanted" || true
    # A folder that has gone is forgotten, aloud.
    if [ -n "$wanted" ] && ! torch_in "$wanted" >/dev/null; then
        note "$wanted (the VMUNET_TORCH of last time) holds no libtorch any more; using the project's own"
        wanted=
    fi
    printf '%s' "$wanted"
}

# torch_in FOLDER: prints the libtorch folder that FOLDER is or holds: libtorch or the Python package itself, a folder of Python
# packages, a virtual environment.
torch_in() {
    local folder
    for folder in "$1" "$1/torch" "$1"/lib/python3*/site-packages/torch; do
        if [ -e "$folder/lib/libtorch_cpu.$suffix" ] && [ -d "$folder/include/torch" ]; then
            (CDPATH='' cd -- "$folder" && pwd)
            return
        fi
    done
    return 1
}

find_torch() {
    if [ -n "$1" ]; then
        torch=$(torch_in "$1") || fail 69 "VMUNET_TORCH=$1 holds no libtorch (lib/libtorch_cpu.$suffix and include/torch)." \
            "Name a libtorch folder or an installed one: VMUNET_TORCH=\"\$(python3 -c 'import torch; print(torch.__path__[0])')\""
        return
    fi
    if [ "$(cat "$deps/python/.installed" 2>/dev/null)" != "$torch_version" ] || ! torch=$(torch_in "$deps/python"); then
        rm -rf "$deps/python"
        note "installing libtorch $torch_version into $deps/python (once; 200 MB and more)"
        make_python "$deps/python"
        install_torch "$deps/python/bin/python"
        torch=$(torch_in "$deps/python") || fail 69 "pip has installed torch, but without lib/libtorch_cpu.$suffix and include/torch."
        printf '%s\n' "$torch_version" >"$deps/python/.installed"
    fi
}

make_python() {
    python3 -m venv "$1" >&2 </dev/null || fail 69 "'python3 -m venv' fails; on Debian: apt-get install -y python3-venv"
}

pip_install() {
    local python=$1
    shift
    # In a log, progress bars are noise.
    [ -t 2 ] || set -- --quiet "$@"
    "$python" -m pip --disable-pip-version-check --no-input install "$@" </dev/null
}

# install_torch PYTHON: torch from where the user's pip looks (index, mirror, folder of wheels). Without an NVIDIA card the build
# for CPUs is wanted: a third of the other's size, and libtorch in it needs none of the packages that torch depends on. PyPI does
# not have it for Linux, so PyTorch's own index is asked next. Last, whatever `torch` pip finds, with all it depends on.
install_torch() {
    local log=$deps/pip.log
    : >"$log"
    if [ $suffix = dylib ]; then
        pip_install "$1" --no-deps "torch==$torch_version" >&2 && return
    else
        if [ ! -e /proc/driver/nvidia/version ] && [ ! -e /dev/dxg ]; then
            set -- "$1" --retries 1 --timeout 20 --no-deps "torch==$torch_version+cpu"
            pip_install "$@" >&2 2>>"$log" && return
            pip_install "$@" --index-url $torch_cpu_index >&2 2>>"$log" && return
            note "pip finds no build of torch for CPUs; taking its usual one, which is gigabytes with what it depends on"
        fi
        pip_install "$1" "torch==$torch_version" >&2 && return
    fi
    fail 69 "pip could not install torch $torch_version; the reason is above, and that of earlier attempts in $log." \
        "Without a network, use a torch that is there (VMUNET_TORCH=/path/to/site-packages/torch) or wheels (PIP_FIND_LINKS=/path/to/wheels)." \
        "'No matching distribution' without a network error: there is no torch $torch_version for $("$1" -V 2>&1)."
}

torch_version_of() {
    local line major='' minor='' patch=''
    while IFS= read -r line; do
        case $line in
            '#define TORCH_VERSION_MAJOR '*) major=${line##* } ;;
            '#define TORCH_VERSION_MINOR '*) minor=${line##* } ;;
            '#define TORCH_VERSION_PATCH '*) patch=${line##* } ;;
        esac
    done < <(cat "$1"/include/torch/headeronly/version.h "$1"/include/torch/csrc/api/include/torch/version.h 2>/dev/null)
    [ -n "$major$minor$patch" ] && printf '%s' "$major.$minor.$patch"
}

check_torch() {
    local version reason
    version=$(torch_version_of "$torch") || fail 69 "$torch: no version in its headers; is this libtorch whole?"
    at_least "$version" $oldest_torch || fail 69 "$torch is libtorch $version; $oldest_torch or newer is needed."
    # A build for another processor, or for CUDA without CUDA's libraries, is found out here rather than by the linker.
    reason=$(python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$torch/lib/libtorch_cpu.$suffix" 2>&1 </dev/null) ||
        fail 69 "$torch cannot be loaded: ${reason##*$'\n'}"
}

# Only libtorch_cpu and libc10: libtorch itself is empty and, in a CUDA build, would load all of CUDA at every start.
write_pkgconfig() {
    local folder=${torch//\\/\\\\}
    folder=${folder// /\\ }
    mkdir -p "$deps/pkgconfig"
    cat >"$deps/pkgconfig/vmunet-torch.pc.new" <<END
Name: vmunet-torch
Description: libtorch
Version: $(torch_version_of "$torch")
Cflags: -I$folder/include -I$folder/include/torch/csrc/api/include
Libs: -L$folder/lib -ltorch_cpu -lc10
END
    mv -f "$deps/pkgconfig/vmunet-torch.pc.new" "$deps/pkgconfig/vmunet-torch.pc"
}

# ---- building and running

use_pkgconfig() { export PKG_CONFIG_PATH="$deps/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"; }

use_libraries() {
    if [ $suffix = dylib ]; then
        export DYLD_LIBRARY_PATH="$torch/lib${DYLD_LIBRARY_PATH:+:$DYLD_LIBRARY_PATH}"
    else
        export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
}

print_environment() {
    local variable=LD_LIBRARY_PATH
    [ $suffix = so ] || variable=DYLD_LIBRARY_PATH
    # shellcheck disable=SC2016 # for the shell that evaluates it
    printf 'export PKG_CONFIG_PATH=%s"${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"\nexport %s=%s"${%s:+:$%s}"\n' \
        "$(quote "$deps/pkgconfig")" $variable "$(quote "$torch/lib")" $variable $variable
}

quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# A build folder works only where it was made. claim_build_folder FOLDER: empties one that came from elsewhere with the project.
claim_build_folder() {
    local from=
    [ ! -f "$1/vmunet-root" ] || IFS= read -r from <"$1/vmunet-root" || true
    [ -z "$from" ] || [ "$from" = "$root" ] || rm -rf "$1"
    mkdir -p "$1"
    printf '%s\n' "$root" >"$1/vmunet-root"
}

build() {
    local log=$deps/build.log status=0
    : >"$deps/built.new" # before the build, so that what changes during it is built next time
    claim_build_folder "$root/.build"
    if [ -t 2 ]; then
        build_with_swift >&2 || status=$?
    else
        note "building (the first time takes minutes)"
        build_with_swift >"$log" 2>&1 || {
            status=$?
            cat "$log" >&2
        }
    fi
    if [ $status != 0 ]; then
        rm -f "$deps/ready" # the next call looks at the libraries again
        fail 70 "the build failed; the reason is above. If the sources are as they came: rm -rf '$root/.build' and try again."
    fi
    mv -f "$deps/built.new" "$deps/built"
}

build_with_swift() (
    use_pkgconfig
    exec swift build -c release --product vmunet --package-path "$root" </dev/null
)

# ---- tests

# The Python that the tests compare with: VMUNET_PYTHON, or a virtual environment with Tests/requirements.txt. The torch in use is
# lent to it where its version and Python allow, rather than installed twice.
prepare_test_python() {
    local wanted venv=$deps/python-test
    if [ -n "${VMUNET_PYTHON-}" ]; then return; fi
    export VMUNET_PYTHON=$venv/bin/python
    lock
    wanted=$(cat "$root/Tests/requirements.txt" && printf '# with %s\n' "$torch")
    if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        note "installing what the tests compare with into $venv (once)"
        rm -rf "$venv"
        make_python "$venv"
        lend_torch "$venv/bin/python" || install_torch "$venv/bin/python"
        pip_install "$venv/bin/python" --requirement "$root/Tests/requirements.txt" >&2 ||
            fail 69 "pip could not install Tests/requirements.txt; the reason is above." \
                "To use a Python that has all of it: VMUNET_PYTHON=/path/to/python ./test"
        printf '%s\n' "$wanted" >"$venv/.installed"
    fi
    unlock
}

# lend_torch PYTHON: lets it import the torch in use, if that has this version and was built for this Python.
lend_torch() {
    local ends packages
    [ "$(torch_version_of "$torch")" = $torch_version ] || return 1
    { IFS= read -r ends && IFS= read -r packages; } < <(
        "$1" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX")); print(sysconfig.get_path("purelib"))')
    [ -e "$torch/_C$ends" ] || return 1
    printf '%s\n' "${torch%/torch}" >"$packages/vmunet-torch.pth"
}
