# shellcheck shell=bash
# The set-up that ./vmunet and ./test share. Sourced with `root` set to the project's folder. Works
# with bash 3.2 and POSIX tools.
#
# Everything it makes is in .deps:
#   libraries     exists once Swift and the C libraries are there; holds the project's folder
#   python/       a virtual environment that holds libtorch, complete when python/.installed is there
#   pkgconfig/    vmunet-torch.pc, through which SwiftPM finds libtorch
#   mpi           exists once MPI was found, for training on several processes; holds its compiler's flags
#   torch         exists once libtorch is there; holds the project's folder, the requested VMUNET_TORCH and the libtorch folder in use
#   built-NAME    exists once the product NAME is built; its time is the start of that build
#   pip.log       pip's output when installing libtorch failed
#   lock          held while any of this changes
# Files that mark completion are written last and moved into place, so interrupted work is repeated
# by the next call.

torch_version=2.13.0     # the version to download
oldest_torch=2.11        # the oldest that VMUNET_TORCH may name
oldest_swift=6.1
torch_cpu_index=https://download.pytorch.org/whl/cpu

# Megabytes that libtorch takes in .deps, and temporarily where pip unpacks it; then those of pip's
# usual build, with CUDA and its dependencies.
torch_room=800 torch_download=200
cuda_room=8000 cuda_download=4000

# shellcheck disable=SC2154 # the caller's
deps=$root/.deps
torch=                   # the libtorch folder in use (include/, lib/); set by has_torch and find_torch
case $OSTYPE in
    darwin*) suffix=dylib ;;
    *) suffix=so ;;
esac

on_terminal=
[ ! -t 2 ] || on_terminal=1

# Paths in VMUNET_TORCH are relative to the user's folder, and are remembered.
case ${VMUNET_TORCH-} in
    '' | /*) ;;
    *) VMUNET_TORCH=$PWD/$VMUNET_TORCH ;;
esac

note() { printf 'vmunet: %s\n' "$*" >&2; }

# fail STATUS LINE…: prints each line and exits.
fail() {
    local status=$1 line
    shift
    for line; do note "$line"; done
    exit "$status"
}

# at_least 6.3.1 6.1: whether the first version is at least the second. Compares two numbers.
at_least() {
    local have_major=${1%%.*} have_minor=${1#*.} want_major=${2%%.*} want_minor=${2#*.}
    have_minor=${have_minor%%.*}
    want_minor=${want_minor%%.*}
    [ "$have_major" -gt "$want_major" ] || { [ "$have_major" = "$want_major" ] && [ "$have_minor" -ge "$want_minor" ]; }
}

# ---- preparing

# One executable for each part of the work, so that predicting needs neither libtorch nor Python.
# shellcheck disable=SC2034 # the caller's
# product_for ARGUMENTS…: sets `product` to the executable with that command.
product_for() {
    local command=${1-} argument before="" on_libtorch=vmunet-train
    product=vmunet
    [ "$command" != help ] || command=${2-}
    case $command in
        train)
            product=vmunet-train
            ! wants_mpi || product=vmunet-train-mpi
            ;;
        ablate | demo | compare | crossvalidate | parity | kernels) product=vmunet-train ;;
        report) product=vmunet-report ;;
        serve)
            product=vmunet-serve
            on_libtorch=vmunet-serve-libtorch
            ;;
    esac
    for argument; do
        case $command:$before:$argument in
            *:--device:cuda* | *:--device=cuda* | *:--libtorch) product=$on_libtorch ;;
            bench:*:--train | bench:*:--profile | bench:*:--compile-graph | bench:*:--tf32) product=vmunet-train ;;
        esac
        before=$argument
    done
}

# wants_mpi: true if the command runs on several processes: mpirun or srun has started more than one,
# or VMUNET_MPI=1 asks for it. VMUNET_MPI=0 does without.
wants_mpi() {
    local count
    case ${VMUNET_MPI-} in
        1) return ;;
        0) return 1 ;;
    esac
    for count in "${OMPI_COMM_WORLD_SIZE-}" "${PMI_SIZE-}" "${SLURM_STEP_NUM_TASKS-}"; do
        [[ ! $count =~ ^[0-9]+$ ]] || [ "$count" -lt 2 ] || return 0
    done
    return 1
}

# vmunet-train-mpi is vmunet-train with the package's trait MPI, vmunet-serve-libtorch is vmunet-serve
# with libtorch.
needs_torch() { case $1 in vmunet-train | *-mpi | *-libtorch) ;; *) return 1 ;; esac }
needs_mpi() { [ "$1" = vmunet-train-mpi ]; }

# build_folder PRODUCT: prints its scratch folder. The server has its own, because it needs packages
# that nothing else needs. So has MPI: in a shared folder, each change of traits would compile
# everything again.
build_folder() {
    case $1 in
        vmunet-serve) printf '%s' "$root/.build-serve" ;;
        *-libtorch) printf '%s' "$root/.build-serve-libtorch" ;;
        *-mpi) printf '%s' "$root/.build-mpi" ;;
        *) printf '%s' "$root/.build" ;;
    esac
}

# program PRODUCT: prints where it is built.
program() {
    local name=${1%-mpi}
    printf '%s/release/%s' "$(build_folder "$1")" "${name%-libtorch}"
}

# prepare libraries | torch | PRODUCT: makes the C libraries or libtorch available, or builds the
# product. Takes milliseconds if nothing is to do.
prepare() {
    if is_prepared "$1"; then return; fi
    lock
    # Another call may have done the work while this one waited.
    is_prepared "$1" || make_ready "$1"
    unlock
}

is_prepared() {
    case $1 in
        libraries) has_libraries ;;
        torch) has_torch ;;
        *) if needs_torch "$1"; then has_torch; else has_libraries; fi && is_built "$1" && { ! needs_mpi "$1" || has_mpi; } ;;
    esac
}

make_ready() {
    has_libraries || set_up_libraries
    case $1 in
        libraries) return ;;
        torch) has_torch || set_up_torch ;;
        *)
            ! needs_torch "$1" || has_torch || set_up_torch
            case $1 in vmunet-serve*) check_libraries server ;; esac
            ! needs_mpi "$1" || has_mpi || set_up_mpi
            is_built "$1" || build "$1"
            ;;
    esac
}

has_libraries() {
    local from
    [ -f "$deps/libraries" ] && [ ! "$root/Scripts/setup.sh" -nt "$deps/libraries" ] || return 1
    IFS= read -r from <"$deps/libraries" && [ "$from" = "$root" ]
}

has_torch() {
    local from wanted
    has_libraries && [ -f "$deps/torch" ] && [ -f "$deps/pkgconfig/vmunet-torch.pc" ] && [ ! "$deps/libraries" -nt "$deps/torch" ] || return 1
    { IFS= read -r from && IFS= read -r wanted && IFS= read -r torch; } <"$deps/torch" || return 1
    [ "$from" = "$root" ] && [ "${VMUNET_TORCH-$wanted}" = "$wanted" ] && [ -e "$torch/lib/libtorch_cpu.$suffix" ]
}

# True if PRODUCT's sources have not changed since its last build.
is_built() {
    local built=$deps/built-$1 changed
    [ -x "$(program "$1")" ] && [ -f "$built" ] && [ ! "$deps/libraries" -nt "$built" ] || return 1
    if needs_torch "$1" && [ "$deps/torch" -nt "$built" ]; then return 1; fi
    if needs_mpi "$1" && [ "$deps/mpi" -nt "$built" ]; then return 1; fi
    # Folders count: their time changes when a file is added or removed.
    changed=$(find "$root/Package.swift" "$root/Sources" -newer "$built" -print) && [ -z "$changed" ]
}

# Descriptor 9 is inherited on purpose: the lock lasts until the last process working in .deps has
# ended, even if the script that started it was killed.
lock() {
    if ! { mkdir -p "$deps" && : >>"$deps/lock"; } 2>/dev/null; then
        fail 69 "cannot write to $deps, where the set-up goes; make it writable, or copy the project elsewhere."
    fi
    exec 9>>"$deps/lock"
    if command -v flock >/dev/null; then
        flock -n 9 && return
        note "waiting for another set-up of this folder"
        flock 9
    elif command -v python3 >/dev/null; then
        python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    fi
}

unlock() { exec 9>&-; }

set_up_libraries() {
    rm -f "$deps/libraries"
    check_libraries
    check_swift
    printf '%s\n' "$root" | write_whole "$deps/libraries"
}

set_up_torch() {
    local wanted
    rm -f "$deps/torch"
    check_libraries torch
    if [ -n "${VMUNET_TORCH+set}" ]; then
        wanted=$VMUNET_TORCH
    else
        wanted=$(remembered_torch)
    fi
    find_torch "$wanted"
    check_torch
    write_pkgconfig
    printf '%s\n' "$wanted" >"$deps/wanted"
    printf '%s\n%s\n%s\n' "$root" "$wanted" "$torch" | write_whole "$deps/torch"
}

# write_whole FILE: writes the input to the file, which is never there in part.
write_whole() { cat >"$1.new" && mv -f "$1.new" "$1"; }

# ---- disk space

# room_in FOLDER: prints the free megabytes where the folder is, or nothing.
room_in() {
    local free=
    { read -r _ && read -r _ _ _ free _; } < <(df -Pk "$1" 2>/dev/null) || true
    [[ ! $free =~ ^[0-9]+$ ]] || printf '%s' $((free / 1024))
}

disk_of() { df -Pk "$1" 2>/dev/null | sed -n '$s/.*% *//p'; }

# want_room MEGABYTES FOLDER WHAT: fails if the disk has too little room for it.
want_room() {
    local room
    room=$(room_in "$2")
    [ "${room:-$1}" -ge "$1" ] || fail 69 "not enough room on the disk: $3 needs $1 MB in $2, and $room MB are free there."
}

is_full() { case $1 in *'No space left on device'* | *'Disk quota exceeded'* | *'Errno 28'*) true ;; *) false ;; esac; }

# ---- tools and C libraries

check_swift() {
    local version
    command -v swift >/dev/null || fail 69 "Swift $oldest_swift or newer is needed and 'swift' is not on the PATH. Install it with:" "$(swift_line)"
    version=$(swift --version 2>/dev/null </dev/null) || fail 69 "'swift --version' fails; is the toolchain whole? $(command -v swift)"
    [[ $version =~ [Vv]ersion\ ([0-9]+\.[0-9]+) ]] || fail 69 "cannot read a version from 'swift --version': $version"
    at_least "${BASH_REMATCH[1]}" $oldest_swift ||
        fail 69 "Swift $oldest_swift or newer is needed; this is ${BASH_REMATCH[1]} ($(command -v swift)). Install it with:" "$(swift_line)"
}

swift_line() {
    if [ $suffix = dylib ]; then
        printf '  xcode-select --install'
    else
        # shellcheck disable=SC2016 # for the user's shell
        printf '%s' '  curl -LO "https://download.swift.org/swiftly/linux/swiftly-$(uname -m).tar.gz" && tar xf swiftly-*.tar.gz && ./swiftly init'
    fi
}

# missing_packages [torch | server | mpi]: prints the packages (Debian's names, or Homebrew's on macOS)
# whose tools, headers or libraries are missing, one per line: those that everything needs, or what
# libtorch's set-up, the server or MPI needs beside them. The libraries are Package.swift's, by their
# pkg-config names.
missing_packages() {
    local pair
    if [ "${1-}" = torch ]; then
        command -v python3 >/dev/null || echo python3
        [ $suffix = dylib ] || [ -n "${VMUNET_TORCH-}" ] || python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
        return
    fi
    if [ "${1-}" = server ]; then
        [ $suffix = dylib ] || [ -f /usr/include/sqlite3.h ] || pkg-config --exists sqlite3 2>/dev/null || echo libsqlite3-dev
        return
    fi
    if [ "${1-}" = mpi ]; then
        if command -v mpicc >/dev/null && command -v mpirun >/dev/null; then return; fi
        if [ $suffix = dylib ]; then echo open-mpi; else printf '%s\n' libopenmpi-dev openmpi-bin; fi
        return
    fi
    command -v git >/dev/null || echo git
    if [ $suffix = dylib ]; then
        command -v pkg-config >/dev/null || echo pkgconf
        for pair in libturbojpeg=jpeg-turbo libpng=libpng libzip=libzip; do
            pkg-config --exists "${pair%%=*}" 2>/dev/null || echo "${pair#*=}"
        done
    else
        command -v pkg-config >/dev/null || echo pkg-config
        # The first is any C++ standard library header; Swift's clang++ uses GCC's.
        compgen -G '/usr/include/c++/*/vector' >/dev/null || echo g++
        for pair in zlib=zlib1g-dev libturbojpeg=libturbojpeg0-dev libpng=libpng-dev libzip=libzip-dev; do
            pkg-config --exists "${pair%%=*}" 2>/dev/null || echo "${pair#*=}"
        done
    fi
}

# check_libraries [torch | server | mpi]: installs what is missing, or prints how.
check_libraries() {
    local missing apt
    missing=$(missing_packages "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    apt="apt-get update && apt-get install -y $missing"
    if [ $suffix = dylib ]; then
        fail 69 "missing: $missing. Install them with:" "  brew install $missing"
    elif ! command -v apt-get >/dev/null; then
        fail 69 "missing, by their Debian names: $missing. Install your system's packages for these, with headers."
    elif [ "$(id -u)" = 0 ]; then
        install_packages "$missing" "$apt"
    elif command -v sudo >/dev/null; then
        fail 69 "missing: $missing. Install them with:" "  sudo sh -c '$apt'"
    else
        fail 69 "missing: $missing. As root, install them with:" "  $apt"
    fi
    missing=$(missing_packages "$@" | tr '\n' ' ')
    [ -z "$missing" ] || fail 69 "installed but not found: $missing"
}

# install_packages NAMES LINE, as root. A machine may have no package lists, like most containers,
# or old ones.
install_packages() {
    note "installing $1"
    # shellcheck disable=SC2086 # a list of names
    if apt-cache show $1 >/dev/null 2>&1 && apt_get install -y --no-install-recommends $1 >/dev/null 2>&1; then return; fi
    # shellcheck disable=SC2086
    { apt_get update && apt_get install -y --no-install-recommends $1; } >&2 ||
        fail 69 "apt-get could not install them; the reason is above. Try it by hand:" "  $2"
}

# Without descriptor 9: a service started by a package would hold the lock forever.
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" 9>&- </dev/null; }

# ---- libtorch

# The VMUNET_TORCH of the last successful set-up. Survives `ready`.
remembered_torch() {
    local wanted=
    [ ! -f "$deps/wanted" ] || IFS= read -r wanted <"$deps/wanted" || true
    # If the folder is gone, forget it and say so.
    if [ -n "$wanted" ] && ! torch_in "$wanted" >/dev/null; then
        note "$wanted (the VMUNET_TORCH of last time) no longer holds libtorch; using the project's own"
        wanted=
    fi
    printf '%s' "$wanted"
}

# torch_in FOLDER: prints the libtorch folder that FOLDER is or contains. FOLDER is libtorch, the
# Python package, a folder of Python packages or a virtual environment.
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
        note "installing libtorch $torch_version into $deps/python (once: $torch_download MB to download, $torch_room MB on the disk)"
        make_python "$deps/python"
        install_torch "$deps/python"
        torch=$(torch_in "$deps/python") || fail 69 "pip installed torch, but without lib/libtorch_cpu.$suffix and include/torch."
        printf '%s\n' "$torch_version" >"$deps/python/.installed"
    fi
}

make_python() {
    want_room 50 "$deps" "a Python virtual environment"
    python3 -m venv "$1" >&2 </dev/null || {
        rm -rf "$1"
        fail 69 "'python3 -m venv' fails; the reason is above. On Debian it needs: apt-get install -y python3-venv"
    }
}

pip_install() {
    local python=$1
    shift
    [ "$on_terminal" ] || set -- --quiet "$@" # in a log, progress bars are noise
    "$python" -m pip --disable-pip-version-check --no-input install "$@" </dev/null
}

# install_torch VENV: installs torch from where the user's pip looks (index, mirror, folder of
# wheels). Without an NVIDIA card it prefers the build for CPUs: a third of the size, and its
# libtorch needs none of torch's dependencies. PyPI does not have it for Linux, so PyTorch's own
# index is next. Last comes whatever `torch` pip finds, with all its dependencies.
install_torch() {
    local venv=$1 log=$deps/pip.log reason=
    rm -f "$log"
    if [ $suffix = dylib ] || { [ ! -e /proc/driver/nvidia/version ] && [ ! -e /dev/dxg ]; }; then
        want_torch_room $torch_room $torch_download "$venv"
        if [ $suffix = dylib ]; then
            try_torch --no-deps "torch==$torch_version" && return
        else
            set -- --retries 1 --timeout 20 --no-deps "torch==$torch_version+cpu"
            try_torch "$@" && return
            try_torch "$@" --index-url $torch_cpu_index && return
            note "pip finds no build of torch for CPUs; taking the usual one: $cuda_download MB to download, $cuda_room MB on the disk"
        fi
    fi
    if [ $suffix = so ]; then
        want_torch_room $cuda_room $cuda_download "$venv"
        try_torch "torch==$torch_version" && return
    fi
    rm -rf "$venv"
    printf '%s\n' "$reason" >&2
    fail 69 "pip could not install torch $torch_version; its last message is above, the whole output in $log." \
        "Without a network, use an installed torch (VMUNET_TORCH=/path/to/site-packages/torch) or wheels (PIP_FIND_LINKS=/path/to/wheels)." \
        "'No matching distribution' without a network error: there is no torch $torch_version for $(python3 -V 2>&1)."
}

# want_torch_room ROOM DOWNLOAD VENV: checks the room for both. pip unpacks into TMPDIR, which may
# be on the same disk.
want_torch_room() {
    local room=$1 temporary=${TMPDIR:-/tmp}
    [ "$(disk_of "$deps")" != "$(disk_of "$temporary")" ] || room=$(($1 + $2))
    (want_room "$room" "$deps" "libtorch" && want_room "$2" "$temporary" "libtorch's download") || {
        rm -rf "$3"
        fail 69 "Make room, or use an installed torch: VMUNET_TORCH=/path/to/site-packages/torch"
    }
}

# try_torch PIP-ARGUMENTS…, for install_torch. Logs pip's output; a full disk ends the attempts.
try_torch() {
    { reason=$(pip_install "$venv/bin/python" "$@" 2>&1 >&3); } 3>&2 && return
    if is_full "$reason"; then
        rm -rf "$venv"
        printf '%s\n' "$reason" >>"$log" || true
        fail 69 "the disk is full: libtorch needs $torch_room MB in $deps, and $torch_download MB in ${TMPDIR:-/tmp} while pip unpacks it (free now: $(room_in "$deps") and $(room_in "${TMPDIR:-/tmp}"))." \
            "The partial installation is removed. Make room, or use an installed torch: VMUNET_TORCH=/path/to/site-packages/torch"
    fi
    printf '%s\n' "pip install $*" "$reason" >>"$log" || true
    return 1
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
    version=$(torch_version_of "$torch") || fail 69 "$torch: no version in its headers; is it a complete libtorch?"
    at_least "$version" $oldest_torch || fail 69 "$torch is libtorch $version; $oldest_torch or newer is needed."
    # For a library of another processor the loader says "No such file"; the processor's number is
    # in these two bytes.
    [ $suffix = dylib ] || [ "$(machine_of "$torch/lib/libtorch_cpu.so")" = "$(machine_of "$(command -v bash)")" ] ||
        fail 69 "$torch is a libtorch for another kind of processor than this machine's ($(uname -m))."
    # Find out here, rather than in the linker, that a build for CUDA lacks CUDA's libraries.
    reason=$(python3 -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$torch/lib/libtorch_cpu.$suffix" 2>&1 </dev/null) ||
        fail 69 "$torch cannot be loaded: ${reason##*$'\n'}"
}

machine_of() { od -An -tx1 -j18 -N2 "$1" 2>/dev/null; }

# Only libtorch_cpu and libc10: libtorch itself is empty and, in a CUDA build, would load all of
# CUDA at every start.
write_pkgconfig() {
    local folder=${torch//\\/\\\\}
    folder=${folder// /\\ }
    mkdir -p "$deps/pkgconfig"
    write_whole "$deps/pkgconfig/vmunet-torch.pc" <<END
Name: vmunet-torch
Description: libtorch
Version: $(torch_version_of "$torch")
Cflags: -I$folder/include -I$folder/include/torch/csrc/api/include
Libs: -L$folder/lib -ltorch_cpu -lc10
END
}

# ---- MPI

# mpi_flags: prints what MPI's compiler, Open MPI's or MPICH's, gives to the C compiler.
mpi_flags() { mpicc -show 2>/dev/null </dev/null; }

# True if the MPI of the last set-up is still the one in PATH.
has_mpi() {
    local flags
    [ -f "$deps/mpi" ] && [ -f "$deps/pkgconfig/vmunet-mpi.pc" ] || return 1
    flags=$(mpi_flags) && [ "$flags" = "$(cat "$deps/mpi")" ]
}

# Takes the MPI whose mpicc and mpirun are in PATH; without one installs Open MPI, or prints how.
set_up_mpi() {
    local flags flag headers='' libraries=''
    check_libraries mpi
    flags=$(mpi_flags) || fail 69 "'mpicc -show' fails; is the MPI whole? $(command -v mpicc)"
    for flag in $flags; do
        case $flag in
            -I*) headers="$headers $flag" ;;
            -L* | -l*) libraries="$libraries $flag" ;;
        esac
    done
    mkdir -p "$deps/pkgconfig"
    printf 'Name: vmunet-mpi\nDescription: MPI\nVersion: 1\nCflags:%s\nLibs:%s\n' "$headers" "$libraries" |
        write_whole "$deps/pkgconfig/vmunet-mpi.pc"
    printf '%s\n' "$flags" | write_whole "$deps/mpi"
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

# A build folder works only where it was made. claim_build_folder FOLDER: empties one that moved
# here with the project.
claim_build_folder() {
    local from=
    [ ! -f "$1/vmunet-root" ] || IFS= read -r from <"$1/vmunet-root" || true
    if [ -n "$from" ] && [ "$from" != "$root" ]; then
        note "the project has moved here from $from; building anew"
        rm -rf "$1"
    fi
    mkdir -p "$1"
    printf '%s\n' "$root" >"$1/vmunet-root"
}

build() {
    local log=$deps/build.log status=0 folder
    folder=$(build_folder "$1")
    : >"$deps/built.new" # before the build, so that changes during it are built next time
    claim_build_folder "$folder"
    if [ "$on_terminal" ]; then
        build_with_swift "$1" >&2 || status=$?
    else
        note "building $1 (the first time takes minutes)"
        build_with_swift "$1" >"$log" 2>&1 || {
            status=$?
            cat "$log" >&2
        }
    fi
    if [ $status != 0 ]; then
        rm -f "$deps/libraries" # the next call checks the libraries again
        [ "$(room_in "$root")" != 0 ] || fail 69 "the build failed: the disk with $root is full."
        fail 70 "the build failed; the reason is above. If the sources are unchanged, try again after rm -rf '$folder'."
    fi
    mv -f "$deps/built.new" "$deps/built-$1"
}

build_with_swift() (
    use_pkgconfig
    # A plan that SwiftPM kept from a product without libtorch lacks the headers of a libtorch that
    # was installed since.
    set -- "$1" swift build -c release --disable-build-manifest-caching
    if needs_mpi "$1"; then
        exec "${@:2}" --traits MPI --product vmunet-train --package-path "$root" --scratch-path "$(build_folder "$1")" </dev/null
    fi
    local engine=kernels
    case $1 in
        vmunet-serve) ;;
        vmunet-serve-libtorch) engine=libtorch ;;
        *) exec "${@:2}" --product "$1" --package-path "$root" </dev/null ;;
    esac
    # Package.swift names the server's packages for this call alone. Package.resolved is put back:
    # with them in it the next build of another product would fetch them too.
    resolved=$root/Package.resolved
    rm -f "$deps/resolved"
    [ ! -f "$resolved" ] || cp "$resolved" "$deps/resolved"
    trap 'rm -f "$resolved"; [ ! -f "$deps/resolved" ] || mv -f "$deps/resolved" "$resolved"' EXIT
    VMUNET_SERVER=$engine "${@:2}" --product vmunet-serve --package-path "$root" --scratch-path "$(build_folder "$1")" </dev/null
)

# ---- tests

# The Python that the tests compare with: VMUNET_PYTHON, or a virtual environment with
# Tests/requirements.txt. Uses the torch in use if its version and Python match, rather than
# installing it twice.
prepare_test_python() {
    local wanted venv=$deps/python-test
    if [ -n "${VMUNET_PYTHON-}" ]; then return; fi
    export VMUNET_PYTHON=$venv/bin/python
    lock
    wanted=$(cat "$root/Tests/requirements.txt" && printf '# with %s\n' "$torch")
    if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$wanted" ] || ! "$venv/bin/python" -c '' 2>/dev/null; then
        note "installing the tests' Python packages into $venv (once)"
        rm -rf "$venv"
        want_room 1000 "$deps" "the tests' Python packages"
        make_python "$venv"
        lend_torch "$venv/bin/python" || install_torch "$venv"
        pip_install "$venv/bin/python" --requirement "$root/Tests/requirements.txt" >&2 || {
            rm -rf "$venv"
            fail 69 "pip could not install Tests/requirements.txt; the reason is above." \
                "To use a Python that has them: VMUNET_PYTHON=/path/to/python ./test"
        }
        printf '%s\n' "$wanted" >"$venv/.installed"
    fi
    unlock
}

# lend_torch PYTHON: lets it import the torch in use, if that has this version and was built for
# this Python.
lend_torch() {
    local ends packages
    [ "$(torch_version_of "$torch")" = $torch_version ] || return 1
    { IFS= read -r ends && IFS= read -r packages; } < <(
        "$1" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX")); print(sysconfig.get_path("purelib"))')
    [ -e "$torch/_C$ends" ] || return 1
    printf '%s\n' "${torch%/torch}" >"$packages/vmunet-torch.pth"
}
