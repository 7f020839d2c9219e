#!/usr/bin/env bash
# Does what a newcomer does first, in a fresh Debian with Swift and nothing else: clones this
# repository and segments a picture. Prints the processor time that it took, as seconds of two
# cores, and the size of the downloads.
#
#   Scripts/try-newcomer.sh [OPTIONS OF Scripts/fresh-debian.sh]… [-- COMMAND…]      (default: ./vmunet predict photo.jpg --output out)
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
toolchain=$(CDPATH='' cd -- "$(dirname "$(readlink -f "$(command -v swift)")")/.." && pwd -P)
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- ./vmunet predict photo.jpg --output out

# shellcheck disable=SC2016 # for the shell inside
"$root/Scripts/fresh-debian.sh" ${options[@]+"${options[@]}"} --bind "$toolchain:/toolchain" --bind "$root:/repository" \
    --env "PATH=/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin" bash -euo pipefail -c '
    apt-get update -qq
    # Swift needs these.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils git libc6-dev libcurl4-openssl-dev libedit2 \
        libgcc-12-dev libncurses6 libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev pkg-config tzdata zlib1g-dev >/dev/null
    rm -f /var/lib/apt/lists/*_Packages* /var/cache/apt/archives/*.deb
    echo "Binary::apt::APT::Keep-Downloaded-Packages \"true\"; APT::Keep-Downloaded-Packages \"true\";" >/etc/apt/apt.conf.d/99keep
    git config --global --add safe.directory "*"
    SECONDS=0 TIMEFORMAT="%U %S"
    cd /root
    # Processor time of it all: other work on this machine does not count.
    { time {
        { git clone -q /repository vmunet && cd vmunet && cp Sources/VMUNetBrowser/Page/example.jpg photo.jpg && "$@"; } 2>&3 || exit
    }; } 3>&2 2>"$HOME/times"
    seconds=$SECONDS
    megabytes() { du -scm "$@" 2>/dev/null | tail -n 1 | cut -f1; }
    half=$(awk "{ print int((\$1 + \$2) / 2 + 0.5) }" "$HOME/times")
    printf "try-newcomer: %s seconds of two cores (%s by the clock); downloads: %s MB by git, %s MB by apt-get (lists %s MB), %s MB of Swift packages; on the disk: %s MB built, %s MB in .deps\n" \
        "$half" "$seconds" "$(megabytes .git)" "$(megabytes /var/cache/apt/archives/*.deb)" "$(megabytes /var/lib/apt/lists)" \
        "$(megabytes .build/repositories)" "$(megabytes .build)" "$(megabytes .deps)"
    ls -l out' try-newcomer "$@"
