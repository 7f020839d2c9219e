#!/usr/bin/env bash
# Runs docs/Dockerfile without Docker: its RUN and COPY lines in fresh Debian systems, then the
# program on a picture.
#
#   Scripts/try-dockerfile.sh [OPTIONS OF Scripts/fresh-debian.sh]…
#
# Instead of the image swift:… it uses a bare Debian with this machine's toolchain and the packages
# that Swift requires.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
toolchain=$(CDPATH='' cd -- "$(dirname "$(readlink -f "$(command -v swift)")")/.." && pwd -P)
packages='binutils libc6-dev libcurl4-openssl-dev libedit2 libgcc-12-dev libncurses6 libpython3-dev libsqlite3-0 libstdc++-12-dev libxml2-dev libz3-dev tzdata'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/context" "$work/vmunet" "$work/out" "$work/in"
git -C "$root" archive --format=tar HEAD | tar xf - -C "$work/context"
cp "$root/Sources/VMUNetBrowser/Page/example.jpg" "$work/in/"

# Prints the lines of one stage as a shell script; continued lines are joined first.
stage() {
    sed -e ':join' -e '/\\$/{N;s/\\\n *//;bjoin' -e '}' "$root/docs/Dockerfile" |
        awk -v wanted="$1" '
            /^FROM / { stage++ }
            stage != wanted || /^(#|FROM |ENTRYPOINT |$)/ { next }
            /^RUN / { sub(/^RUN /, ""); print; next }
            /^COPY --from=build / { print "mkdir -p \"$(dirname " $4 ")\" && cp -a /from" $3 " " $4; next }
            /^COPY \. / { print "mkdir -p " $3 " && cp -a /context/. " $3; next }
            { print "echo \"not understood: " $1 "\" >&2; exit 1" }'
}

{
    echo "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages"
    stage 1
    echo 'cp -a /vmunet/. /result/'
} >"$work/in/build.sh"
{
    stage 2
    entry=$(sed -n 's/^ENTRYPOINT \["\(.*\)"\]$/\1/p' "$root/docs/Dockerfile")
    echo "$entry predict /in/example.jpg --output /out --overlay && test -s /out/example.png"
} >"$work/in/run.sh"

"$root/Scripts/fresh-debian.sh" "$@" --bind "$toolchain:/toolchain" --env "PATH=/toolchain/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
    --bind "$work/context:/context" --bind "$work/in:/in" --share "$work/vmunet:/result" sh -ex /in/build.sh
"$root/Scripts/fresh-debian.sh" --offline --bind "$work/vmunet:/from/vmunet" --bind "$work/in:/in" --share "$work/out:/out" sh -ex /in/run.sh
printf 'try-dockerfile: done; the program and its files take %s\n' "$(du -sh "$work/vmunet" | cut -f1)" >&2
