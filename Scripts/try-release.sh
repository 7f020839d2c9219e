#!/usr/bin/env bash
# Tries an archive of Scripts/release.sh in a bare Debian without a network:  Scripts/try-release.sh
# dist/vmunet-….tar.gz [PICTURE]
#
# The checksums must match, and the program must print its version, segment a picture and write the
# same mask as `./vmunet` here.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
[ $# -ge 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64; }
archive=$(CDPATH='' cd -- "$(dirname "$1")" && pwd -P)/$(basename "$1")
picture=${2:-$root/Sources/VMUNetBrowser/Page/example.jpg}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/out" "$work/in"
cp "$picture" "$work/in/picture.jpg"
cp "$archive" "$work/in/release.tar.gz"

"$root/Scripts/fresh-debian.sh" --offline --bind "$work/in:/in" --share "$work/out:/out" bash -euo pipefail -c '
    cd /root && tar xzf /in/release.tar.gz && cd vmunet-*
    sha256sum --check --quiet SHA256SUMS
    ./vmunet --version
    ./vmunet predict /in/picture.jpg --output /out --overlay
    ./vmunet summary --json >/out/summary.json
    if ./vmunet --help | grep -F "setup"; then exit 1; fi
    grep -q wasi-libc bom.cdx.json
    test -s licences/wasi-libc.txt
    test -s licences/compiler-rt.txt
    ! ldd vmunet | grep -v -E "linux-vdso|libc\.so|libm\.so|libpthread|libdl|librt|ld-linux"'

"$root/vmunet" predict "$work/in/picture.jpg" --output "$work/here" >/dev/null
cmp "$work/out/picture.png" "$work/here/picture.png"
[ -s "$work/out/picture_overlay.png" ] && [ -s "$work/out/summary.json" ]
printf 'try-release: %s works in a bare system\n' "$archive" >&2
