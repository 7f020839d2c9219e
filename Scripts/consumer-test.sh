#!/usr/bin/env bash
# Tests that another package can use this one: in a folder of its own, by path, with nothing of this
# project's in the environment, the README's example is compiled as it stands, in Swift 6 mode, and
# segments a picture, also from another place than it was built in.
#
#   Scripts/consumer-test.sh [MASK]      MASK is what the tool makes of Sources/VMUNetBrowser/Page/example.jpg; the example's must equal it.
#
# Builds in .build-consumer: what predicts and nothing else, about a minute of one core the first
# time.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$root/.build-consumer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$build/package # the same path each time, so that nothing is compiled again for nothing
mkdir -p "$package/Sources/example"
ln -sfn "$root" "$build/vmunet" # the name of the package that depends on this one's folder, whatever that is called

fail() {
    echo "consumer: $*" >&2
    exit 1
}

# block FILE TEXT: the file's first Swift block that holds the text
block() {
    awk -v wanted="$2" '
        /^```swift$/ { inside = 1; text = ""; next }
        /^```$/ { if (inside && index(text, wanted)) { printf "%s", text; exit } inside = 0; next }
        inside { text = text $0 "\n" }' "$root/$1"
}

put() { # put FILE: writes it only if it differs
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; fi
}

article=Sources/Segmentation/Segmentation.docc/Embedding.md
block README.md 'import Segmentation' | put "$package/Sources/example/main.swift"
[ -s "$package/Sources/example/main.swift" ] || fail "README.md has no example that imports Segmentation"
[ "$(block $article 'import Segmentation')" = "$(cat "$package/Sources/example/main.swift")" ] || fail "$article begins with another example than README.md"
{
    printf 'import Foundation\nimport Imaging\nimport Segmentation\n\n'
    printf 'func pictures(_ segmenter: Segmenter, _ url: URL, _ upload: Data, _ bytes: [UInt8]) async throws {\n'
    block $article 'let fromFile'
    printf '_ = (fromFile, fromUpload, png)\n}\n\nfunc many(_ segmenter: Segmenter, _ urls: [URL]) async throws {\n'
    block $article 'results(of:'
    printf '}\n\nfunc volumes() async throws {\n'
    block $article 'VolumeSegmenter('
    printf '}\n'
} | put "$package/Sources/example/article.swift"
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

unset PKG_CONFIG_PATH LD_LIBRARY_PATH DYLD_LIBRARY_PATH
for name in $(env | sed -n 's/^\(VMUNET_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
swift build -c release --package-path "$package" --scratch-path "$build/build" </dev/null >"$build/build.log" 2>&1 || {
    tail -n 40 "$build/build.log" >&2
    fail "the README's example does not build as a package of its own"
}
for module in CTorch Torch Commands VMUNetTool VMUNetLight Yams ArgumentParser; do
    # SwiftPM makes a folder for each target; only what is compiled leaves objects.
    ! compgen -G "$build/build/release/$module.build/*.o" >/dev/null || fail "the example compiles $module, which it does not use"
done

# Moved, so that only what is inside the program can be found.
cp "$build/build/release/example" "$work/"
cp "$root/Sources/VMUNetBrowser/Page/example.jpg" "$work/photo.jpg"
said=$(cd "$work" && ./example </dev/null)
[[ $said =~ ^lesion:\ ([0-9]+)\ %\ of\ the\ picture$ ]] || fail "the example said: $said"
((BASH_REMATCH[1] >= 5 && BASH_REMATCH[1] <= 40)) || fail "the example found a lesion of ${BASH_REMATCH[1]} %"
[ "$(head -c 4 "$work/mask.png" | od -An -tx1 | tr -d ' \n')" = 89504e47 ] || fail "the example has written no mask.png"
[ $# = 0 ] || cmp "$1" "$work/mask.png" || fail "the example's mask is not the tool's"
echo "consumer: the README's example builds and says: $said" >&2
