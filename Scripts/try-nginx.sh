#!/usr/bin/env bash
# Runs docs/server.md's nginx example on loopback in front of a running server, with a certificate
# made for the test:
#
#   Scripts/try-nginx.sh PORT [VOLUME.nii.gz]
#
# Sends a picture, and a volume with its events, through TLS. Needs nginx, openssl and curl.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$(mktemp -d)
trap 'kill $(cat "$work/pid" 2>/dev/null) 2>/dev/null; rm -rf "$work"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
{
    printf 'pid %s/pid;\nerror_log %s/error.log;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %s;\nproxy_temp_path %s;\n' \
        "$work" "$work" "$work/body" "$work/proxy"
    # The documentation's own lines; only the addresses and the certificate change.
    # shellcheck disable=SC2016 # backquotes of Markdown
    sed -n '/^```nginx$/,/^```$/{/^```/d;p}' "$root/docs/server.md" |
        sed -e 's/listen 443 ssl/listen 127.0.0.1:18443 ssl/' -e "s|/etc/ssl/vmunet.pem|$work/cert.pem|" -e "s|/etc/ssl/vmunet.key|$work/key.pem|" \
            -e 's/vmunet\.example\.org/localhost/' -e "s/127\.0\.0\.1:8080/127.0.0.1:$1/"
    printf '}\n'
} >"$work/nginx.conf"
nginx -e "$work/error.log" -t -c "$work/nginx.conf"
nginx -e "$work/error.log" -c "$work/nginx.conf"
ask() { curl -sS --fail --cacert "$work/cert.pem" "$@"; }
page=https://localhost:18443
picture=$root/Sources/VMUNetBrowser/Page/example.jpg
ask $page/ | grep -q '<title>'
ask -T "$picture" $page/v1/predict --output "$work/mask.png"
head -c 8 "$work/mask.png" | grep -aq PNG
curl -sS --fail -T "$picture" "http://127.0.0.1:$1/v1/predict" | cmp - "$work/mask.png"
echo "a picture through TLS: the same mask"
if [ $# -gt 1 ]; then
    job=$(ask -X POST --data-binary "@$2" $page/v1/jobs | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
    ask -N "$page/v1/jobs/$job/events" | grep -c '^event: job'
    ask "$page/v1/jobs/$job/result" --output "$work/labels.nii.gz"
    gzip -t "$work/labels.nii.gz"
    ask -X DELETE "$page/v1/jobs/$job"
    echo "a volume, its events and its result through TLS"
fi
