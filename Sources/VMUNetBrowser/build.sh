#!/usr/bin/env bash
# Builds the network for the browser:  Sources/VMUNetBrowser/build.sh [--if-compilers-are-those]
# [FOLDER]
#
# Writes vmunet.wasm, vmunet-relaxed.wasm (with the relaxed multiply-add that newer browsers have)
# and compilers.txt into FOLDER, which is Page/ unless given. Needs Swift's own toolchain and, on
# Debian or Ubuntu:
#   apt install wasi-libc libc++-14-dev-wasm32 libclang-rt-14-dev-wasm32
# Leaves with 69 when one of these is missing and, if so asked, when they are others than those that
# Page/compilers.txt records.
set -euo pipefail
export LC_ALL=C

browser=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
sources=${browser%/*}
only_same=no
if [ "${1-}" = --if-compilers-are-those ]; then
    only_same=yes
    shift
fi
output=${1:-$browser/Page}
mkdir -p "$output"
output=$(CDPATH='' cd -- "$output" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "build.sh: $*" >&2
    exit 69
}
swiftc=$(command -v swiftc) || fail "swiftc is missing: install Swift"
tools=$(dirname -- "$(readlink -f "$swiftc")")
for tool in clang++ wasm-ld; do [ -x "$tools/$tool" ] || fail "$tools/$tool is missing: install Swift from swift.org"; done
libraries=/usr/lib/wasm32-wasi
# If there are several versions, the last.
for headers in /usr/lib/llvm-*/include/wasm32-wasi/c++/v1; do :; done
for builtins in /usr/lib/llvm-*/lib/clang/*/lib/wasi/libclang_rt.builtins-wasm32.a; do :; done
[ -d "$headers" ] || fail "libc++ for WebAssembly is missing: apt install libc++-14-dev-wasm32"
[ -e "$builtins" ] || fail "compiler-rt for WebAssembly is missing: apt install libclang-rt-14-dev-wasm32"
[ -e "$libraries/libc.a" ] || fail "the C library for WebAssembly is missing: apt install wasi-libc"

# The compilers: equal ones give equal files, bit for bit.
{
    "$swiftc" --version 2>&1 | sed -n 's/^.*\(Swift version .*\)$/\1/p'
    "$tools/wasm-ld" --version
    for library in "$libraries/libc.a" "$libraries/libm.a" "$builtins"; do
        echo "$(sha256sum <"$library" | cut -d' ' -f1)  ${library##*/}"
    done
    (cd "$headers" && find . -type f | sort | xargs sha256sum | sha256sum | sed 's/-/libc++ headers/')
} >"$work/compilers.txt"

if [ $only_same = yes ]; then
    cmp -s "$work/compilers.txt" "$browser/Page/compilers.txt" || fail "the compilers are others than those in Page/compilers.txt"
fi

# All paths are relative, since Swift writes a hash of its options into its output.
mkdir "$work/modules"
ln -s "$sources" "$work/Sources"
cd "$work"

# The parts of the package's modules that take part, each compiled for those below it.
modules=(
    "VMUNet:$(echo Sources/VMUNet/*.swift)"
    "Kernels:$(echo Sources/Kernels/*.swift)"
    "Imaging:$(echo Sources/Imaging/{LabelColors,Overlay,Picture,Resize}.swift)"
    "Segmentation:$(echo Sources/Segmentation/{Data/Preprocessing,Prediction/{Logits,Masks}}.swift \
        Sources/Segmentation/Volumes/{IntensityWindow,PlaneSize,SliceResizer,SplineZoom}.swift)"
    "VMUNetBrowser:$(echo Sources/VMUNetBrowser/*.swift)"
)
kernels=(Sources/CKernels/{allocate,dispatch,elementwise,entries,kernels_portable,ss2d} Sources/VMUNetBrowser/{memory,threads})

features=(-msimd128 -matomics -mbulk-memory)
cxx=("$tools/clang++" --target=wasm32-wasi --sysroot=/usr -nostdinc++ -isystem "$headers" -std=c++17 -O2 -DNDEBUG -fno-exceptions -fno-rtti
    -Wno-pass-failed -I Sources/CKernels -I Sources/CKernels/include -I Sources/VMUNetBrowser/include)
swift=("$swiftc" -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -swift-version 6 -wmo -O -parse-as-library
    -package-name vmunet -Xfrontend -disable-stack-protector -I modules -I Sources/VMUNetBrowser/include
    -Xcc -isystem -Xcc /usr/include/wasm32-wasi)
for feature in "${features[@]}"; do swift+=(-Xcc "$feature"); done

compile_swift() {
    local module name
    for module in "${modules[@]}"; do
        name=${module%%:*}
        # shellcheck disable=SC2086 # a list of files
        "${swift[@]}" -module-name "$name" -emit-module -emit-module-path "modules/$name.swiftmodule" -c -o "$name.o" ${module#*:}
    done
}

compile_kernels() { # name, compiler flags
    local name=$1 source
    shift
    for source in "${kernels[@]}"; do
        "${cxx[@]}" "${features[@]}" "$@" -c "$source.cpp" -o "$name-${source##*/}.o"
    done
}

link() { # name
    local name=$1 source objects=()
    for source in "${kernels[@]}"; do objects+=("$name-${source##*/}.o"); done
    # The C library was compiled without atomics; nothing of it that is used here minds.
    "$tools/wasm-ld" --no-entry --gc-sections -O2 --strip-all --no-check-features --shared-memory --import-memory --max-memory=4294967296 \
        -z stack-size=1048576 --export=__wasm_call_ctors --export=__stack_pointer --export=__tls_size --export=__wasm_init_tls \
        {VMUNet,Kernels,Imaging,Segmentation,VMUNetBrowser}.o "${objects[@]}" -L"$libraries" -lc -lm "$builtins" -o "$name.wasm"
}

compile_kernels vmunet &
plain=$!
compile_kernels vmunet-relaxed -mrelaxed-simd &
relaxed=$!
compile_swift
wait $plain
wait $relaxed
for name in vmunet vmunet-relaxed; do link $name; done

mv vmunet.wasm vmunet-relaxed.wasm compilers.txt "$output/"
