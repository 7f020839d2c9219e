#!/usr/bin/env bash
# A DICOM node: studies that arrive are segmented, and the segmentations go back to the archive.
#
#   Scripts/dicom-node.sh FOLDER PORT ARCHIVE [OPTIONS OF vmunet predict]
#   Scripts/dicom-node.sh /var/spool/vmunet 11112 dicom://ORTHANC@127.0.0.1:4242 --weights liver.safetensors
#   Scripts/dicom-node.sh /var/spool/vmunet 11112 http://127.0.0.1:8042/dicom-web --weights liver.safetensors
#
# DCMTK's storescp receives (C-STORE), and one study after the other is segmented. Results are sent
# by C-STORE (dicom://AETITLE@HOST:PORT, DCMTK's storescu) or STOW-RS (http://…, curl).
#
# Whatever dies, nothing is lost: a study is a folder that moves on only when its step is done.
#   in/    arrives      wait/  to be segmented     send/  its results, to be sent
#   done/  the results that the archive has        failed/  what cannot be segmented, with reason.txt
# A study that the archive does not take is sent again after a minute, then two, up to an hour. The
# same results are sent again, so that the archive has them once. Started again on the same folder,
# it goes on where it was. Delete done/ and failed/ when you like.
set -euo pipefail
export LC_ALL=C

[ $# -ge 3 ] || {
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 64
}
folder=$1 port=$2 archive=$3
shift 3
vmunet=${VMUNET:-$(dirname -- "${BASH_SOURCE[0]}")/../vmunet}
# Seconds without a further image after which a study is complete, and before the first new try.
quiet=${VMUNET_NODE_QUIET:-10} pause=${VMUNET_NODE_PAUSE:-60}
title=${VMUNET_NODE_TITLE:-VMUNET}
for tool in storescp curl storescu; do
    command -v "$tool" >/dev/null || {
        echo "dicom-node: $tool is missing: apt install dcmtk curl" >&2
        exit 69
    }
done
mkdir -p "$folder"/{in,wait,send,done,failed}
folder=$(CDPATH='' cd -- "$folder" && pwd -P)

say() { printf '%s %s\n' "$(date +%FT%T)" "$*"; }

# A study's folder in in/ is complete once nothing has been written into it for a while. storescp
# says so as well, but that is lost if it dies. Names carry no patient: storescp makes them of UIDs.
take_complete() {
    local study
    for study in "$folder"/in/*/; do
        [ -d "$study" ] || continue
        [ -z "$(find "$study" -newermt "-$quiet seconds" -print -quit)" ] || continue
        # A late image of the same study makes a new folder, and a study of its own here.
        mv -- "$study" "$folder/wait/$(date +%s)-$$-$((taken += 1))"
    done
}
taken=0

# Segments every series of a study. The results appear in send/ all at once.
segment() {
    local study=$1 name=${1##*/} work=$folder/.work log=$folder/.log part images status=0
    rm -rf "$work"
    mkdir -p "$work/images" "$work/results"
    # A folder for each series: predict takes every folder below as one.
    while IFS= read -r -d '' part; do
        images=$(dcmdump +P 0020,000e "$part" 2>/dev/null | sed -n 's/.*\[\([0-9.]*\)\].*/\1/p' | head -n 1)
        mkdir -p "$work/images/${images:-unnamed}"
        ln -- "$part" "$work/images/${images:-unnamed}/"
    done < <(find "$study" -type f -print0)
    "$vmunet" predict "${options[@]}" --recursive --format dicom-seg --output "$work/results" --quiet "$work/images" \
        >"$log" 2>&1 </dev/null || status=$?
    find "$work/results" -type f ! -name '*.dcm' -delete
    # 65: a series that cannot be segmented, such as a scout; the others can. Anything else, such as
    # too little memory or a missing file of weights, may be better next time.
    if [ "$status" != 0 ] && [ "$status" != 65 ]; then
        say "$name: vmunet ended with $status: $(tail -n 1 "$log"); trying again later"
        return 1
    fi
    if [ -z "$(find "$work/results" -name '*.dcm' -print -quit)" ]; then
        cp "$log" "$study/reason.txt"
        mv -- "$study" "$folder/failed/"
        say "$name: nothing to segment, see failed/$name/reason.txt"
        return
    fi
    mv -- "$work/results" "$folder/send/$name"
    # If it dies before this line, the study is segmented and sent once more, under other UIDs.
    rm -rf -- "$study" "$work"
    say "$name: segmented"
}

# Sends the results of a study; the archive has all of them or it is tried again.
deliver() {
    local results=$1 name=${1##*/} host answer part boundary=vmunet-node-7MA4YWxkTrZu0gW
    case $archive in
        dicom://*@*:*)
            host=${archive#dicom://}
            # -xf names the classes to propose; storescu knows no segmentations without it.
            storescu -aet "$title" -aec "${host%%@*}" -xf "$folder/.storescu.cfg" Default +sd \
                "$(expr "${host#*@}" : '\(.*\):')" "${host##*:}" "$results" >/dev/null 2>&1 || return 1
            ;;
        *)
            # One request for all, so that a study's results arrive together.
            answer=$({
                for part in "$results"/*.dcm; do
                    printf -- '--%s\r\nContent-Type: application/dicom\r\n\r\n' "$boundary"
                    cat -- "$part"
                    printf '\r\n'
                done
                printf -- '--%s--\r\n' "$boundary"
            } | curl --silent --fail --max-time 300 --config "${VMUNET_NODE_CURL:-/dev/null}" --request POST --header 'Expect:' \
                --header "Content-Type: multipart/related; type=\"application/dicom\"; boundary=$boundary" \
                --header 'Accept: application/dicom+json' --data-binary @- "${archive%/}/studies") || return 1
            # 202 still refuses some: they have a FailureReason.
            case $answer in *00081197*) return 1 ;; esac
            ;;
    esac
    mv -- "$results" "$folder/done/"
    say "$name: sent"
}

# DCMTK's list of what to propose: segmentations and secondary captures, uncompressed.
cat >"$folder/.storescu.cfg" <<'CFG'
[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LittleEndianExplicit
TransferSyntax2 = LittleEndianImplicit
[[PresentationContexts]]
[Results]
PresentationContext1 = 1.2.840.10008.5.1.4.1.1.66.4\Plain
PresentationContext2 = 1.2.840.10008.5.1.4.1.1.7.4\Plain
PresentationContext3 = 1.2.840.10008.5.1.4.1.1.7\Plain
[[Profiles]]
[Default]
PresentationContexts = Results
CFG

options=("$@")
receiver=
trap 'trap - EXIT; [ -z "$receiver" ] || kill "$receiver" 2>/dev/null; exit 0' EXIT INT TERM
say "receiving as $title on port $port, sending to $archive"
# When to try again what failed, and how long to wait after that: for results, then for studies.
send_at=0 send_wait=$pause segment_at=0 segment_wait=$pause
longer() { echo $((2 * $1 < 3600 ? 2 * $1 : 3600)); }
while :; do
    # The receiver starts again if it ever dies; its sender tries again.
    if [ -z "$receiver" ] || ! kill -0 "$receiver" 2>/dev/null; then
        storescp -aet "$title" +xa --fork -od "$folder/in" --sort-on-study-uid study "$port" >/dev/null 2>&1 &
        receiver=$!
    fi
    take_complete
    if [ "$(date +%s)" -ge "$segment_at" ]; then
        for study in "$folder"/wait/*/; do
            [ -d "$study" ] || continue
            if segment "${study%/}"; then
                segment_wait=$pause
            else
                segment_at=$(($(date +%s) + segment_wait)) segment_wait=$(longer "$segment_wait")
                break
            fi
        done
    fi
    if [ "$(date +%s)" -ge "$send_at" ]; then
        for results in "$folder"/send/*/; do
            [ -d "$results" ] || continue
            if deliver "${results%/}"; then
                send_wait=$pause
            else
                say "$(basename "$results"): the archive does not take it; trying again in $send_wait s"
                send_at=$(($(date +%s) + send_wait)) send_wait=$(longer "$send_wait")
                break
            fi
        done
    fi
    sleep 1
done
