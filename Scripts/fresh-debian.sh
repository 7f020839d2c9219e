#!/usr/bin/env bash
# Runs a command in a fresh Debian 12 with nothing but its base system, and discards the result:
#
#   Scripts/fresh-debian.sh [--offline] [--bind FOLDER[:TARGET]]… [--share FOLDER[:TARGET]]… [--copy
#   FILE]… [--env NAME=VALUE]… COMMAND…
#
# --offline   no network except the loopback
# --bind      makes a folder available, at the same or another path; changes to it are discarded too
# --share     likewise, but keeps the changes
# --copy      makes a file available at the same path
# --env       sets a variable; otherwise the command sees only PATH, HOME and LANG
#
# Needs root (a container's will do), debootstrap, unshare and overlayfs. Keeps the base system in
# .deps/fresh-debian (220 MB).
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
base=${VMUNET_FRESH_DEBIAN:-$root/.deps/fresh-debian}
say() { printf 'fresh-debian: %s\n' "$*" >&2; }

namespaces=(--mount --pid --fork --kill-child)
words=()
while [ $# -gt 0 ]; do
    case $1 in
        --offline) namespaces+=(--net) && shift ;;
        --bind | --share | --copy | --env) words+=("$1" "$2") && shift 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || { sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 64; }
for tool in debootstrap unshare chroot; do
    command -v $tool >/dev/null || { say "needs $tool" && exit 69; }
done
[ "$(id -u)" = 0 ] || { say "needs root" && exit 69; }

if [ ! -e "$base/.complete" ]; then
    say "making the base system in $base (once)"
    rm -rf "$base"
    mkdir -p "$(dirname "$base")"
    debootstrap --variant=minbase --include=ca-certificates bookworm "$base" http://deb.debian.org/debian >"$base.log" 2>&1 || {
        tail -n 5 "$base.log" >&2
        exit 69
    }
    rm -f "$base"/var/lib/apt/lists/*_Packages* # as in most images
    touch "$base/.complete"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export base scratch
# In its own namespaces, so that all mounts end with it.
# shellcheck disable=SC2016 # for the shell inside
unshare "${namespaces[@]}" bash -euo pipefail -c '
    count=0
    over() { # over LOWER TARGET: shows LOWER at TARGET; writes go to the temporary folder
        count=$((count + 1))
        mkdir -p "$2" "$scratch/writes/$count" "$scratch/overlay/$count"
        mount -t overlay overlay -o "lowerdir=$1,upperdir=$scratch/writes/$count,workdir=$scratch/overlay/$count" "$2"
    }
    mount -t tmpfs tmpfs "$scratch" -o "size=${VMUNET_FRESH_SIZE:-8G}"
    over "$base" "$scratch/system"
    # A chroot begins without the processes, devices and name servers that programs expect.
    mount -t proc proc "$scratch/system/proc"
    mount --rbind /dev "$scratch/system/dev"
    [ ! -e /etc/resolv.conf ] || cp /etc/resolv.conf "$scratch/system/etc/resolv.conf"
    if command -v ip >/dev/null; then ip link set lo up 2>/dev/null || :; fi
    variables=()
    while [ "$1" != -- ]; do
        case $1 in
            --bind) over "${2%%:*}" "$scratch/system${2##*:}" ;;
            --share) mkdir -p "$scratch/system${2##*:}" && mount --bind "${2%%:*}" "$scratch/system${2##*:}" ;;
            --copy) mkdir -p "$scratch/system$(dirname "$2")" && cp "$2" "$scratch/system$2" ;;
            --env) variables+=("$2") ;;
        esac
        shift 2
    done
    shift
    exec chroot "$scratch/system" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "${variables[@]+"${variables[@]}"}" "$@"
' fresh-debian \
    "${words[@]+"${words[@]}"}" -- "$@"
