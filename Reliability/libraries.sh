#!/usr/bin/env bash
# Builds zlib, libzip, libpng and libjpeg-turbo from Debian's source packages with AddressSanitizer
# and coverage for libFuzzer:
#   Reliability/libraries.sh
# Needs cmake and dpkg-dev, and a Debian that can fetch package lists. Debian's own patches are
# applied.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Reliability/common.sh
. "$root/Reliability/common.sh"

libraries=$work/libraries
[ ! -f "$libraries/ready" ] || exit 0
for tool in cmake dpkg-source apt-get pkg-config; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install cmake dpkg-dev pkg-config"
done
rm -rf "$libraries"
mkdir -p "$libraries/apt/lists/partial" "$libraries/apt/cache/archives/partial" "$libraries/source" "$libraries/pkgconfig"

# Separate package lists, so that the system's stay unchanged.
for sources in /etc/apt/sources.list.d/*.sources; do
    [ -f "$sources" ] || continue
    sed 's/^Types: *deb *$/Types: deb-src/' "$sources" >>"$libraries/apt/list.sources"
    echo >>"$libraries/apt/list.sources"
done
if [ -f /etc/apt/sources.list ]; then
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$libraries/apt/list.list"
fi
apt() {
    apt-get -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$libraries/apt/lists" \
        -o Dir::Cache="$libraries/apt/cache" -o APT::Sandbox::User=root "$@"
}
list=$libraries/apt/list.sources
[ -s "$list" ] || list=$libraries/apt/list.list
log=$work/logs/libraries.log
: >"$log"
apt update >>"$log" 2>&1 || fail "the package lists cannot be fetched: see $log"

flags="-O1 -g -fno-omit-frame-pointer -fsanitize=address,fuzzer-no-link"

# source_of PACKAGE: unpacks the newest version in the archive and prints its folder.
source_of() {
    local version versions
    versions=$(apt-cache -o Dir::Etc::sourcelist="$list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$libraries/apt/lists" \
        -o Dir::Cache="$libraries/apt/cache" showsrc "$1" | sed -n 's/^Version: //p' | sort -rV | uniq)
    for version in $versions; do
        if (cd "$libraries/source" && apt source "$1=$version" >>"$log" 2>&1); then
            printf '%s %s\n' "$1" "$version" >>"$libraries/versions"
            find "$libraries/source" -mindepth 1 -maxdepth 1 -type d -name "${1%%[0-9]*}*"
            return
        fi
    done
    fail "the source of $1 cannot be fetched: see $log"
}

# build PACKAGE CMAKE-OPTION…: builds a static library into $libraries.
build() {
    local package=$1 folder
    shift
    note "building $package"
    folder=$(source_of "$package")
    cmake -S "$folder" -B "$folder/build-fuzz" -DCMAKE_INSTALL_PREFIX="$libraries" \
        -DCMAKE_INSTALL_LIBDIR="$libraries/lib" -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_C_COMPILER="$toolchain/clang" -DCMAKE_C_FLAGS="$flags" \
        -DBUILD_SHARED_LIBS=OFF -DCMAKE_PREFIX_PATH="$libraries" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=ON "$@" >>"$log" 2>&1 ||
        fail "$package cannot be configured: see $log"
    cmake --build "$folder/build-fuzz" -j 2 --target install >>"$log" 2>&1 || fail "$package cannot be built: see $log"
}

# Debian's zlib lacks files that its own cmake files require.
note "building zlib"
folder=$(source_of zlib)
mkdir -p "$libraries/lib" "$libraries/include"
(cd "$folder" && CC=$toolchain/clang CFLAGS=$flags ./configure --static && make libz.a) >>"$log" 2>&1 ||
    fail "zlib cannot be built: see $log"
cp "$folder/libz.a" "$libraries/lib/"
cp "$folder/zlib.h" "$folder/zconf.h" "$libraries/include/"
build libzip -DENABLE_BZIP2=OFF -DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DENABLE_OPENSSL=OFF -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF \
    -DENABLE_COMMONCRYPTO=OFF -DBUILD_TOOLS=OFF -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF \
    -DZLIB_INCLUDE_DIR="$libraries/include" -DZLIB_LIBRARY="$libraries/lib/libz.a"
build libpng1.6 -DPNG_SHARED=OFF -DPNG_TESTS=OFF -DPNG_EXECUTABLES=OFF -DPNG_HARDWARE_OPTIMIZATIONS=OFF \
    -DZLIB_INCLUDE_DIR="$libraries/include" -DZLIB_LIBRARY="$libraries/lib/libz.a" -DZLIB_ROOT="$libraries"
build libjpeg-turbo -DENABLE_SHARED=OFF -DWITH_SIMD=OFF -DWITH_JAVA=OFF

# describe NAME LINK-FLAGS [INCLUDE-FOLDER]
describe() {
    printf 'Name: %s\nDescription: instrumented for fuzzing\nVersion: 0\nLibs: -L%s %s\nCflags: -I%s\n' \
        "$1" "$libraries/lib" "$2" "$libraries/include${3-}" >"$libraries/pkgconfig/$1.pc"
}
describe zlib -lz
describe libzip "-lzip -lz"
describe libpng "-lpng16 -lz -lm" /libpng16
describe libturbojpeg -lturbojpeg
touch "$libraries/ready"
note "ready: $(tr '\n' ' ' <"$libraries/versions")"
