#!/usr/bin/env bash
# Compiles the kernels for Arm and tries products and scan under an emulator; prints the
# instructions of the product's innermost loop for each multiply-add of four numbers.
#
# usage: Scripts/test-arm.sh
# Wants clang++ of Swift's toolchain (or CXX), Debian's packages qemu-user-static,
# libc6-dev-arm64-cross and libstdc++-12-dev-arm64-cross. Bits are tested, not speed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compiler=${CXX-}
[ -n "$compiler" ] || compiler=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang++
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
options=(--target=aarch64-linux-gnu -std=c++17 -O2 -Wno-pass-failed -I Sources/CKernels/include)
for source in Sources/CKernels/*.cpp Benchmarks/kernels/arm.cpp; do
    "$compiler" "${options[@]}" -c "$source" -o "$folder/$(basename "$source" .cpp).o"
done
"$compiler" --target=aarch64-linux-gnu -fuse-ld=lld -static "$folder"/*.o -o "$folder/arm"
qemu-aarch64-static "$folder/arm"

"$(dirname "$compiler")/llvm-objdump" -d --no-show-raw-insn "$folder/kernels_portable.o" | awk '
    match($0, /^ +[0-9a-f]+:/) {
        place = substr($0, RSTART, RLENGTH); gsub(/[ :]/, "", place); at[place] = ++count
        sums[count] = sums[count - 1] + ($2 == "fmla")
        if ($2 ~ /^b(\.|$)/ && match($0, /0x[0-9a-f]+/)) {
            start = at[substr($0, RSTART + 2, RLENGTH - 2)]
            if (start && count - start < 250) {
                body = count - start + 1; multiply = sums[count] - sums[start - 1]
                if (multiply >= 48 && (!best || body / multiply < best)) { best = body / multiply; text = body " instructions, " multiply " multiply-adds" }
            }
        }
    }
    END { printf "innermost loop of the product: %s, %.2f each\n", text, best }'
