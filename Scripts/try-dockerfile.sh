#!/usr/bin/env bash
# Runs a Dockerfile of this package without Docker: its RUN and COPY lines in fresh Debian systems,
# then the program on a picture.
#
#   Scripts/try-dockerfile.sh [docs/Dockerfile | docs/server.Dockerfile] [OPTIONS OF Scripts/fresh-debian.sh]…
#
# Instead of the image swift:… it uses a bare Debian with this machine's toolchain and the packages
# that Swift requires.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
file=docs/Dockerfile
case ${1-} in docs/*) file=$1 && shift ;; esac
toolchain=$(CDPATH='' cd -- "$(dirname "$(readlink -f "$(command -v swift)")")/.." && pwd -P)
packages='binutils libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libncurses6 libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev tzdata'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/context" "$work/vmunet" "$work/out" "$work/in"
git -C "$root" archive --format=tar HEAD | tar xf - -C "$work/context"
cp "$root/Sources/VMUNetBrowser/Page/example.jpg" "$work/in/"

# Prints the lines of one stage as a shell script; continued lines are joined first.
stage() {
    sed -e ':join' -e '/\\$/{N;s/\\\n *//;bjoin' -e '}' "$root/$file" |
        awk -v wanted="$1" '
            /^FROM / { stage++ }
            stage != wanted || /^(#|FROM |ENTRYPOINT |CMD |$)/ { next }
            /^RUN / { sub(/^RUN /, ""); print; next }
            /^COPY --from=build / { print "mkdir -p \"$(dirname " $4 ")\" && cp -a /from" $3 " " $4; next }
            /^COPY \. / { print "mkdir -p " $3 " && cp -a /context/. " $3; next }
            { print "echo \"not understood: " $1 "\" >&2; exit 1" }'
}

# Prints the array of an ENTRYPOINT or CMD line as words of a shell.
words() { sed -n "s/^$1 \[\(.*\)\]$/\1/p" "$root/$file" | sed 's/", "/" "/g'; }

{
    echo "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages"
    stage 1
    echo 'cp -a /vmunet/. /result/'
} >"$work/in/build.sh"
{
    stage 2
    echo "set -- $(words ENTRYPOINT) $(words CMD)"
    case $file in
        *server*) cat <<'END' ;;
# The tokens are where `docker run` mounts them. The shell itself speaks HTTP, because the image has
# no client.
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >/tokens.txt
"$@" 2>/out/log &
until grep -q 'serving on' /out/log; do kill -0 $! && sleep 1; done
exec 3<>/dev/tcp/127.0.0.1/8080
printf 'POST /v1/predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %s\r\n\r\n' \
    "$(cat /tokens.txt)" "$(wc -c </in/example.jpg)" >&3
cat /in/example.jpg >&3
cat <&3 >/out/answer
head -n 1 /out/answer | grep -q '200 OK' && grep -aq PNG /out/answer
kill -TERM $! && wait $!
END
        *) echo '"$@" predict /in/example.jpg --output /out --overlay && test -s /out/example.png' ;;
    esac
} >"$work/in/run.sh"

"$root/Scripts/fresh-debian.sh" "$@" --bind "$toolchain:/toolchain" --env "PATH=/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    --bind "$work/context:/context" --bind "$work/in:/in" --share "$work/vmunet:/result" bash -ex /in/build.sh
offline=--offline
! grep -q 'apt-get' "$work/in/run.sh" || offline=
# shellcheck disable=SC2086 # one word or none
"$root/Scripts/fresh-debian.sh" $offline --bind "$work/vmunet:/from/vmunet" --bind "$work/in:/in" --share "$work/out:/out" bash -ex /in/run.sh
printf 'try-dockerfile: done; the program and its files take %s\n' "$(du -sh "$work/vmunet" | cut -f1)" >&2
