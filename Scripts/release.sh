#!/usr/bin/env bash
# Makes the archive for machines without Swift or a network:  Scripts/release.sh [FOLDER]      (default: dist)
#
#   vmunet-VERSION-linux-MACHINE.tar.gz   `vmunet` for predicting, its weights, the page, licences, SHA-256 sums, a bill of materials
#   vmunet-VERSION-linux-MACHINE.tar.gz.sha256
#
# The program links everything except the C library statically and needs no glibc newer than 2.35.
# The same sources, compiler and C libraries give the same archive. Runs on Debian and its
# relatives, with their -dev packages, dpkg-dev and cmake. Scripts/try-release.sh tries the archive
# in a bare system.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=Scripts/setup.sh
. "$root/Scripts/setup.sh"

newest_glibc=2.35
most_megabytes=40 # of the program
output=${1:-$root/dist}
case $output in /*) ;; *) output=$PWD/$output ;; esac
build_folder=$root/.build-release # separate, because its flags differ
static=$deps/static
machine=$(uname -m)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

for name in dpkg-query cmake dpkg-source objdump strip gcc; do
    command -v $name >/dev/null || fail 69 "missing: $name. Install it: apt-get install -y cmake dpkg-dev binutils gcc"
done

# ---- C libraries as archives

# Debian has libzip as a shared library only. Its source package is built with the features that
# this package reads: DEFLATE, no encryption.
build_libzip() {
    local version work=$deps/libzip
    version=$(dpkg-query -W -f '${Version}' libzip-dev)
    [ "$(cat "$static/libzip.version" 2>/dev/null)" != "$version" ] || return 0
    note "building libzip $version from Debian's source"
    rm -rf "$work"
    mkdir -p "$work/parts" "$work/lists/partial"
    sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/*.sources >"$work/parts/source.sources" 2>/dev/null || :
    sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$work/parts/source.list" 2>/dev/null || :
    (
        cd "$work"
        set -- -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/parts" -o "Dir::State::Lists=$work/lists" \
            -o Dir::Cache::srcpkgcache= -o Dir::Cache::pkgcache= -o APT::Sandbox::User=root
        apt-get "$@" update && apt-get "$@" source --download-only "libzip=${version%+b*}"
        dpkg-source -x ./*.dsc source
        cmake -S source -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF \
            -DENABLE_BZIP2=OFF -DENABLE_LZMA=OFF -DENABLE_ZSTD=OFF -DENABLE_OPENSSL=OFF -DENABLE_GNUTLS=OFF -DENABLE_MBEDTLS=OFF \
            -DBUILD_TOOLS=OFF -DBUILD_REGRESS=OFF -DBUILD_EXAMPLES=OFF -DBUILD_DOC=OFF -DCMAKE_C_FLAGS="-ffile-prefix-map=$work=."
        cmake --build build --target zip
    ) >"$deps/libzip.log" 2>&1 </dev/null || { tail -n 20 "$deps/libzip.log" >&2 && fail 69 "libzip could not be built: see above."; }
    cp "$work/build/lib/libzip.a" "$static/"
    rm -rf "$work"
    printf '%s\n' "$version" >"$static/libzip.version"
}

# A folder of static libraries that the linker searches before the system's, so that it finds no
# shared ones to prefer.
gather_archives() {
    local name file
    mkdir -p "$static/pkgconfig"
    build_libzip
    for name in turbojpeg png16 z stdc++; do
        file=$(gcc -print-file-name="lib$name.a")
        [ -e "$file" ] || fail 69 "no lib$name.a on this system; install its -dev package."
        ln -sf "$file" "$static/lib$name.a"
    done
    ln -sf libpng16.a "$static/libpng.a"
    # libzip and libstdc++ that were built with glibc 2.36 call these, which older ones lack.
    gcc -O2 -c -x c -o "$static/arc4random.o" - <<'END'
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
void arc4random_buf(void *bytes, size_t count) {
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) abort();
        bytes = (char *)bytes + got;
        count -= (size_t)got;
    }
}
unsigned arc4random(void) {
    unsigned value;
    arc4random_buf(&value, sizeof value);
    return value;
}
END
    pkgconfig libturbojpeg "-lturbojpeg"
    pkgconfig libpng "-lpng16 -lz -lm"
    pkgconfig libzip "-lzip -lz"
    pkgconfig zlib "-lz"
}

pkgconfig() {
    local folder=${static//\\/\\\\}
    printf 'Name: %s\nDescription: %s, as an archive\nVersion: %s\nCflags: %s\nLibs: -L%s %s\n' "$1" "$1" "$(pkg-config --modversion "$1")" \
        "$(pkg-config --cflags "$1")" "${folder// /\\ }" "$2" >"$static/pkgconfig/$1.pc"
}

# ---- the program

build_program() {
    note "building the program"
    claim_build_folder "$build_folder"
    (
        export PKG_CONFIG_PATH=$static/pkgconfig
        rm -f "$build_folder/release/vmunet" # SwiftPM does not see that an archive has changed
        exec swift build -c release --product vmunet --static-swift-stdlib --package-path "$root" --scratch-path "$build_folder" \
            -Xlinker "$static/arc4random.o" -Xlinker "-L$static" -Xlinker --gc-sections -Xlinker --as-needed \
            -Xswiftc -Xclang-linker -Xswiftc -static-libgcc </dev/null
    ) >"$deps/release.log" 2>&1 || { tail -n 40 "$deps/release.log" >&2 && fail 70 "the build failed: see above, and $deps/release.log."; }
    # Swift's hashes of its modules differ from build to build, and with them the linker's.
    strip --strip-all --remove-section=.swift_modhash --remove-section=.note.gnu.build-id -o "$stage/vmunet" "$build_folder/release/vmunet"
}

check_program() {
    local megabytes needed newest
    megabytes=$(($(wc -c <"$stage/vmunet") / 1000000))
    [ "$megabytes" -le $most_megabytes ] || fail 1 "the program is $megabytes MB; the limit is $most_megabytes."
    needed=$(objdump -p "$stage/vmunet" | sed -n 's/^ *NEEDED *//p' | grep -Ev '^(libc|libm|libpthread|libdl|librt|ld-linux[-a-z0-9_]*)\.so' || :)
    [ -z "$needed" ] || fail 1 "the program needs shared libraries: $needed"
    newest=$(objdump -T "$stage/vmunet" | sed -n 's/.*(*GLIBC_\([0-9.]*\).*/\1/p' | sort -uV | tail -n 1)
    [ "$(printf '%s\n' "$newest" $newest_glibc | sort -V | tail -n 1)" = $newest_glibc ] || {
        objdump -T "$stage/vmunet" | grep -F "GLIBC_$newest" >&2
        fail 1 "the program needs glibc $newest; the limit is $newest_glibc."
    }
    note "the program: $megabytes MB, glibc $newest or newer"
}

# ---- licences and the bill of materials

# part NAME VERSION LICENCE PURL FILE: lists a component and copies its licence.
part() {
    [ -s "$5" ] || fail 1 "no licence text for $1: $5"
    cp -L "$5" "$stage/licences/$1.txt"
    parts+=("$(printf '{"type":"library","bom-ref":"%s","name":"%s","version":"%s","licenses":[{"expression":"%s"}],"purl":"%s"}' \
        "$4" "$1" "$2" "$3" "$4")")
}

# debian_version PACKAGE: the version of an installed package
debian_version() { dpkg-query -W -f '${Version}' "$1"; }
purl() { printf 'pkg:deb/debian/%s@%s?arch=%s' "$1" "$(debian_version "$2" | sed 's/+/%2B/g; s/:/%3A/g')" "$(dpkg --print-architecture)"; }

list_parts() {
    local swift version toolchain checkout=$build_folder/checkouts/swift-argument-parser
    parts=()
    mkdir -p "$stage/licences"
    swift=$(command -v swift)
    toolchain=$(CDPATH='' cd -- "$(dirname "$(readlink -f "$swift")")/.." && pwd -P)
    version=$(swift --version 2>/dev/null </dev/null | sed -n 's/.*Swift version \([0-9.]*[0-9]\).*/\1/p' | head -n 1)
    part swift "$version" "Apache-2.0 WITH Swift-exception" "pkg:github/swiftlang/swift@swift-$version-RELEASE" "$toolchain/share/swift/LICENSE.txt"
    version=$(git -C "$checkout" describe --tags --exact-match 2>/dev/null || git -C "$checkout" rev-parse HEAD)
    part swift-argument-parser "$version" "Apache-2.0 WITH Swift-exception" "pkg:github/apple/swift-argument-parser@$version" "$checkout/LICENSE.txt"
    part libjpeg-turbo "$(debian_version libturbojpeg0-dev)" "IJG AND BSD-3-Clause AND Zlib" "$(purl libjpeg-turbo libturbojpeg0-dev)" \
        /usr/share/doc/libturbojpeg0-dev/copyright
    part libpng "$(debian_version libpng-dev)" "libpng-2.0" "$(purl libpng1.6 libpng-dev)" /usr/share/doc/libpng-dev/copyright
    part libzip "$(debian_version libzip-dev)" "BSD-3-Clause" "$(purl libzip libzip-dev)" /usr/share/doc/libzip-dev/copyright
    part zlib "$(debian_version zlib1g-dev)" "Zlib" "$(purl zlib zlib1g-dev)" /usr/share/doc/zlib1g-dev/copyright
    version=$(dirname "$(gcc -print-file-name=libstdc++.a)")
    version=libstdc++-${version##*/}-dev
    part libstdc++ "$(debian_version "$version")" "GPL-3.0-or-later WITH GCC-exception-3.1" "$(purl "gcc-${version//[!0-9]/}" "$version")" \
        "/usr/share/doc/$version/copyright"
    # The page's WebAssembly comes built, with parts of libraries that this machine need not have.
    local name licence address browser=$root/Sources/VMUNetBrowser/licences
    [ -d "$stage/page" ] || return 0
    while IFS=$'\t' read -r name version licence address; do
        part "$name" "$version" "$licence" "$address" "$browser/$name.txt"
    done <"$browser/parts.tsv"
}

# CycloneDX 1.5. Its serial number is derived from its content, so that equal releases have equal
# ones.
write_bill() {
    local version=$1 hash component list='' number weights
    for component in "${parts[@]}"; do list="$list$component,"; done
    weights=$(sha256sum <"$stage/Weights/isic17.safetensors")
    list="$list$(printf '{"type":"machine-learning-model","bom-ref":"weights","name":"isic17.safetensors","version":"%s","hashes":[{"alg":"SHA-256","content":"%s"}],"licenses":[{"license":{"id":"Apache-2.0"}}]}' \
        "$version" "${weights%% *}")"
    hash=$(sha256sum <"$stage/vmunet")
    number=$(printf '%s' "$hash$list" | sha256sum)
    number=$(printf '%s' "$number" | sed 's/^\(.\{8\}\)\(.\{4\}\).\(.\{3\}\).\(.\{3\}\)\(.\{12\}\).*/\1-\2-5\3-a\4-\5/')
    printf '{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:%s","version":1,"metadata":{"timestamp":"%s","component":{"type":"application","bom-ref":"vmunet","name":"vmunet","version":"%s","licenses":[{"license":{"id":"Apache-2.0"}}],"hashes":[{"alg":"SHA-256","content":"%s"}]}},"components":[%s]}\n' \
        "$number" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" "$version" "${hash%% *}" "$list" >"$stage/bom.cdx.json"
}

write_readme() {
    cat >"$stage/README.txt" <<END
vmunet $1 for Linux ($machine), glibc $newest_glibc or newer (Debian 12, Ubuntu 22.04 and what came after)

    sha256sum --check SHA256SUMS                     is everything as it was made?
    ./vmunet predict photo.jpg --output out --overlay
    ./vmunet --help

Nothing needs to be installed and no network is used. Weights/README.md says what the weights know; page/index.html is the page that
segments in a browser (from any web server of yours). bom.cdx.json lists what the program is made of (CycloneDX), licences/ has the texts.

Research software, not a medical device. It has no regulatory clearance and must not be used for diagnosis or treatment.
END
}

# ---- all of it

prepare libraries
stage_parent=$(mktemp -d)
trap 'rm -rf "$stage_parent"' EXIT
stage=$stage_parent/vmunet
mkdir "$stage"
gather_archives
build_program
check_program
version=$("$stage/vmunet" --version)
version=${version%% *}
name=vmunet-$version-linux-$machine
mkdir -p "$stage/Weights"
cp "$root/Weights/isic17.safetensors" "$root/Weights/README.md" "$stage/Weights/"
cp "$root/LICENSE" "$root/CHANGELOG.md" "$stage/"
if "$stage/vmunet" help page >/dev/null 2>&1; then (cd "$root" && "$build_folder/release/vmunet" page --output "$stage/page" --quiet >/dev/null); fi
list_parts
write_bill "$version"
write_readme "$version"
(cd "$stage" && find . -type f | LC_ALL=C sort | sed 's|^\./||' | tr '\n' '\0' | xargs -0 sha256sum) >"$stage_parent/sums"
mv "$stage_parent/sums" "$stage/SHA256SUMS"
chmod -R u=rwX,go=rX "$stage_parent"
mv "$stage" "$stage_parent/$name"

mkdir -p "$output"
tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$stage_parent" -cf - "$name" |
    gzip -9n >"$output/$name.tar.gz.new"
mv -f "$output/$name.tar.gz.new" "$output/$name.tar.gz"
(cd "$output" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
note "made $output/$name.tar.gz ($(($(wc -c <"$output/$name.tar.gz") / 1000000)) MB)"
