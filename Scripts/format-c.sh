#!/usr/bin/env bash
# Formats the C, C++ and CUDA sources after .clang-format:
#
#   Scripts/format-c.sh          rewrites files that differ
#   Scripts/format-c.sh --check  lists them and exits with 1
#
# clang-format is VMUNET_CLANG_FORMAT, or the one beside VMUNET_PYTHON, in ./test's environment, or on
# PATH. Versions format differently, so it must be the version in Tests/requirements.txt; without it,
# --check prints a note and exits with 0, or with 1 if CI is set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wanted=$(sed -n 's/^clang-format==//p' Tests/requirements.txt)
formatter=
for candidate in "${VMUNET_CLANG_FORMAT-}" "$(dirname "${VMUNET_PYTHON:-/none/python}")/clang-format" .deps/python-test/bin/clang-format clang-format; do
    case $("$candidate" --version 2>/dev/null) in *"version $wanted"*) formatter=$candidate && break ;; esac
done
if [ -z "$formatter" ]; then
    printf '%s\n' "C and C++ not checked: no clang-format $wanted; pip install clang-format==$wanted, or set VMUNET_CLANG_FORMAT" >&2
    [ "${1-}" = --check ] && [ -z "${CI-}" ] && exit 0
    exit 1
fi

formatted=$(mktemp)
trap 'rm -f "$formatted"' EXIT
status=0
while IFS= read -r -d '' file; do
    case $file in *.c) name=$file ;; *) name=${file%.*}.cpp ;; esac
    # A GPU kernel is a raw string for NVRTC; between its first and last line it is C++.
    if [ "$(head -n 1 "$file")" = 'R"CUDA(' ]; then
        { echo 'R"CUDA(' && sed '1d;$d' "$file" | "$formatter" --assume-filename="$name" && tail -n 1 "$file"; } >"$formatted"
    else
        "$formatter" --assume-filename="$name" <"$file" >"$formatted"
    fi
    cmp -s "$file" "$formatted" && continue
    if [ "${1-}" = --check ]; then
        diff -u "$file" "$formatted" | head -n 20 >&2 || :
        status=1
    else
        cat "$formatted" >"$file"
    fi
done < <(find Sources Tests Benchmarks -type f \( -name '*.h' -o -name '*.c' -o -name '*.cpp' -o -name '*.cu' -o -name '*.inc' \) -print0)
exit $status
