# shellcheck shell=bash
# Builds vmunet-dicom, which decodes JPEG, JPEG-LS and JPEG 2000 in DICOM files with GDCM. Sourced
# after setup.sh, with `root` set.
# Only such files need it: uncompressed and run-length coded series are read without it.

# shellcheck disable=SC2154 # the caller's
dicom_source=$root/Scripts/dicom/vmunet-dicom.cpp
dicom_program=$root/.build/dicom/vmunet-dicom

# True if an argument is a DICOM file of the JPEG family, or a folder whose first files contain one.
wants_dicom() {
    local argument file tried
    for argument; do
        case $argument in -*) continue ;; esac
        [ -e "$argument" ] || continue
        tried=0
        for file in "$argument" "$argument"/*; do
            [ -f "$file" ] || continue
            tried=$((tried + 1))
            [ "$tried" -le 4 ] || break
            # The transfer syntax stands near the front, as text.
            if [ "$(dd if="$file" bs=1 skip=128 count=4 2>/dev/null | tr -d '\0')" = DICM ] &&
                head -c 1024 "$file" | LC_ALL=C grep -aq '1\.2\.840\.10008\.1\.2\.4\.'; then return 0; fi
        done
    done
    return 1
}

# Builds the program unless it is newer than its source. If it cannot, prints the reason and returns
# 1.
build_dicom() {
    [ ! "$dicom_program" -nt "$dicom_source" ] || return 0
    local include log
    include=$(dicom_include)
    if [ -z "$include" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        note "installing libgdcm-dev, which decodes compressed DICOM files"
        apt_get install -y --no-install-recommends libgdcm-dev >/dev/null 2>&1 ||
            { apt_get update && apt_get install -y --no-install-recommends libgdcm-dev; } >/dev/null 2>&1 || true
        include=$(dicom_include)
    fi
    if [ -z "$include" ]; then
        note "compressed DICOM files need GDCM 3. On Debian, as root: apt-get install -y libgdcm-dev; on macOS: brew install gdcm"
        return 1
    fi
    mkdir -p "$root/.build/dicom"
    log=$root/.build/dicom/build.log
    # Beside its place, then moved: another call may be running it.
    if ! "${CXX:-c++}" -std=c++17 -O2 -I"$include" "$dicom_source" -o "$dicom_program.$$" -L"${include%/include/*}/lib" \
        -lgdcmMSFF -lgdcmDSED -lgdcmCommon >"$log" 2>&1; then
        rm -f "$dicom_program.$$"
        note "vmunet-dicom could not be built; the reason is in $log"
        return 1
    fi
    mv -f "$dicom_program.$$" "$dicom_program"
}

# The folder of GDCM's headers, or nothing.
dicom_include() {
    local folder
    for folder in /usr/include/gdcm-3.* /usr/local/include/gdcm-3.* /opt/homebrew/include/gdcm-3.*; do
        if [ -f "$folder/gdcmImageReader.h" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
}
