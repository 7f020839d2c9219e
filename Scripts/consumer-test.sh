#!/usr/bin/env bash
# Tests that another package can use this one: compiles the examples of the article on embedding, unchanged, in a package of their own that depends
# on this one by path, with a clean environment, and lets the first one segment a picture. Builds in .build-consumer.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$root/.build-consumer
package=$work/example
mkdir -p "$package/Sources/example"
ln -sfn "$root" "$work/vmunet" # the folder name that the package depends on, whatever this folder is called

# block FILE TEXT: prints the first Swift block that contains the text
block() {
    awk -v wanted="$2" '
        /^```swift$/ { inside = 1; text = ""; next }
        /^```$/ { if (inside && index(text, wanted)) { printf "%s", text; exit } inside = 0; next }
        inside { text = text $0 "\n" }' "$1"
}

put() { # put FILE: writes it only if it differs, so that nothing is compiled again needlessly
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

article=Sources/Segmentation/Segmentation.docc/Embedding.md
block "$root/$article" 'import Segmentation' | put "$package/Sources/example/main.swift"
[ -s "$package/Sources/example/main.swift" ] || { echo "consumer: $article has no example that imports Segmentation" >&2 && exit 1; }
{
    printf 'import Imaging\nimport Segmentation\n\nfunc segment(_ pixels: [UInt8], with segmenter: Segmenter) throws -> [UInt8] {\n'
    block "$root/$article" 'layout: .bgra'
    printf '    return png\n}\n'
} | put "$package/Sources/example/pixels.swift"
products=$(sed -n 's/^import \(Segmentation\|Imaging\|TensorFiles\|ShippedWeights\)$/.product(name: "\1", package: "vmunet"),/p' \
    "$package/Sources/example/main.swift" | tr '\n' ' ')
put "$package/Package.swift" <<END
// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "example",
    platforms: [.macOS(.v15)],
    dependencies: [.package(path: "../vmunet")],
    targets: [.executableTarget(name: "example", dependencies: [$products])],
    swiftLanguageModes: [.v6]
)
END

unset PKG_CONFIG_PATH LD_LIBRARY_PATH DYLD_LIBRARY_PATH VMUNET_TORCH VMUNET_WEIGHTS
swift build -c release --package-path "$package" --scratch-path "$work/build" </dev/null >"$work/build.log" 2>&1 || {
    tail -n 40 "$work/build.log" >&2
    echo "consumer: the example of $article does not build as a package of its own" >&2
    exit 1
}
rm -f "$package/mask.png"
cp "$root/Tests/ImagingTests/Fixtures/baseline.jpg" "$package/photo.jpg"
(cd "$package" && "$work/build/release/example" </dev/null)
[ "$(head -c 4 "$package/mask.png" | od -An -tx1 | tr -d ' \n')" = 89504e47 ] || { echo "consumer: the example has written no mask.png" >&2 && exit 1; }
echo "consumer: the example of $article builds and segments a picture" >&2
