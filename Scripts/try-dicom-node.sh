#!/usr/bin/env bash
# Tries dicom-node.sh against Debian's Orthanc on loopback:
#   Scripts/try-dicom-node.sh SERIES…
# Each is a folder of DICOM files with UIDs. Ports 18042 to 18044 are used, or PORT and the next two.
#
# The series go into Orthanc, from there by C-STORE to the node. While it works, Orthanc and the
# node are killed by the hardest signal. In the end Orthanc must have a segmentation of each series,
# by STOW-RS, then by C-STORE. Needs orthanc, orthanc-dicomweb, dcmtk and curl (apt install; the
# services need not run), VMUNET_WEIGHTS of a network for volumes, and a built ./vmunet or VMUNET.
set -euo pipefail
export LC_ALL=C

if [ $# = 0 ] || [ -z "${VMUNET_WEIGHTS-}" ]; then
    sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
fi
root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
port=${PORT:-18042}
plugin=$(find /usr "${ORTHANC_ROOT:-/usr}" -name libOrthancDicomWeb.so -print -quit 2>/dev/null)
if [ -z "$plugin" ] || ! command -v Orthanc >/dev/null; then
    echo "try-dicom-node: apt install orthanc orthanc-dicomweb dcmtk curl" >&2
    exit 69
fi
work=$(mktemp -d)
orthanc='' node=''
cleanup() {
    [ -z "$orthanc" ] || kill -9 "$orthanc" 2>/dev/null || true
    [ -z "$node" ] || kill -9 -- "-$node" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
api=http://127.0.0.1:$port

start_archive() {
    Orthanc "$work/orthanc.json" >>"$work/orthanc.log" 2>&1 &
    orthanc=$!
    for _ in $(seq 50); do
        curl --silent --fail "$api/system" >/dev/null && return
        sleep 0.2
    done
    echo "try-dicom-node: Orthanc does not start" >&2
    tail -n 5 "$work/orthanc.log" >&2
    exit 1
}

# A process group of its own, so that all of it can be killed.
start_node() {
    set -m
    VMUNET_NODE_QUIET=3 VMUNET_NODE_PAUSE=1 bash "$root/Scripts/dicom-node.sh" "$work/spool" $((port + 2)) "$1" \
        --weights "$VMUNET_WEIGHTS" --force >>"$work/node.log" 2>&1 &
    node=$!
    set +m
    sleep 1
}

segmentations() { curl --silent "$api/series?expand" | grep -c '"Modality" : "SEG"' || true; }

for archive in "$api/dicom-web" "dicom://ORTHANC@127.0.0.1:$((port + 1))"; do
    rm -rf "$work/spool" "$work/db"
    mkdir "$work/db"
    cat >"$work/orthanc.json" <<JSON
{"StorageDirectory": "$work/db", "IndexDirectory": "$work/db", "RemoteAccessAllowed": false, "HttpPort": $port,
 "DicomAet": "ORTHANC", "DicomPort": $((port + 1)), "Plugins": ["$plugin"], "SaveJobs": false,
 "DicomModalities": {"vmunet": ["VMUNET", "127.0.0.1", $((port + 2))]}}
JSON
    start_archive
    start_node "$archive"
    wanted=0
    for series; do
        for file in "$series"/*; do
            answer=$(curl --silent --fail --request POST --header 'Expect:' --data-binary @"$file" "$api/instances")
        done
        uid=$(printf '%s' "$answer" | sed -n 's/.*"ParentSeries" : "\([^"]*\)".*/\1/p')
        curl --silent --fail --request POST "$api/modalities/vmunet/store" --data "$uid" >/dev/null
        wanted=$((wanted + 1))
    done
    kill -9 "$orthanc"
    for pause in 4 1 1; do
        sleep "$pause"
        kill -9 -- "-$node"
        start_node "$archive"
    done
    sleep 5
    start_archive
    for _ in $(seq 60); do
        [ "$(segmentations)" -lt "$wanted" ] || break
        sleep 1
    done
    sleep 3 # and no second one of any
    found=$(segmentations)
    kill -9 -- "$orthanc" "-$node" 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "$found" != "$wanted" ]; then
        echo "try-dicom-node: $found segmentations of $wanted series by $archive" >&2
        cat "$work/node.log" >&2
        exit 1
    fi
    echo "$found segmentations of $wanted series by $archive"
done
