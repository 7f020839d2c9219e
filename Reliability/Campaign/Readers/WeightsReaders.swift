import Foundation
import TensorFiles

let weightsReaders: [any Reader] = [
    WeightsReader(
        name: "pth", ending: "pth", fixtures: ["pth", "pt"], envelope: .zip { $0.label.last == Zip.packedMark ? nil : Envelope.none }),
    PickleReader(),
    WeightsReader(name: "legacy", ending: "pt", fixtures: ["pth"], isLegacy: true),
    WeightsReader(name: "safetensors", ending: "safetensors", fixtures: ["safetensors"], envelope: .safetensors),
]

/// Whole checkpoints: torch.save's zip archives and older files, safetensors.
private struct WeightsReader: Reader {
    var name: String
    var ending: String
    var fixtures: [String]
    var envelope = Envelope.none
    var isLegacy = false

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        let isZip = fixture.starts(with: Array("PK".utf8))
        return ending == "safetensors" || isZip != isLegacy ? [fixture] : []
    }

    func read(_ file: Scratch) throws {
        let weights = try WeightsFile.read(file.url)
        check(weights)
        if file.digest % 8 == 0 { try checkThatItReadsBack(weights, file) }
    }
}

/// The pickle inside a checkpoint without the archive around it. Each storage is a record of
/// sixteen zero bytes.
private struct PickleReader: Reader {
    let name = "pickle"
    let ending = "pth"
    let fixtures = ["pth", "pt"]

    /// Two tensors of one storage that sixteen bytes hold, as `torch.save` writes them: fixtures'
    /// storages are larger, so none of them gets past the sizes.
    var examples: [[UInt8]] {
        func word(_ text: String) -> [UInt8] { [0x58, UInt8(text.utf8.count), 0, 0, 0] + Array(text.utf8) }
        func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
        func number(_ value: UInt8) -> [UInt8] { [0x4B, value] }
        func tensor(offset: UInt8, _ size: [UInt8], _ stride: [UInt8]) -> [UInt8] {
            let storage =
                Array("(".utf8) + word("storage") + global("torch", "FloatStorage") + word("0") + word("cpu") + number(4) + Array("tQ".utf8)
            let tuple: UInt8 = size.count == 1 ? 0x85 : 0x86
            return global("torch._utils", "_rebuild_tensor_v2") + Array("(".utf8) + storage + number(offset)
                + size.flatMap(number) + [tuple] + stride.flatMap(number) + [tuple, 0x89]
                + global("collections", "OrderedDict") + Array(")RtR".utf8)
        }
        let entries = word("a.weight") + tensor(offset: 0, [2, 2], [2, 1]) + word("a.bias") + tensor(offset: 2, [2], [1])
        return [[0x80, 2] + Array("}(".utf8) + entries + Array("u.".utf8)]
    }

    func seeds(in fixture: [UInt8]) -> [[UInt8]] {
        (Zip.open(fixture) ?? []).filter { $0.label.suffix(8).elementsEqual("data.pkl".utf8) }.map(\.bytes)
    }

    func file(of input: [UInt8]) -> [UInt8] {
        let storages = (0..<8).map { Envelope.Part(label: Array("a/data/\($0)".utf8), bytes: [UInt8](repeating: 0, count: 16)) }
        return Zip.seal([Envelope.Part(label: Array("a/data.pkl".utf8), bytes: input)] + storages)
    }

    func read(_ file: Scratch) throws { check(try WeightsFile.read(file.url)) }
}

private func check(_ weights: StateDictionary) {
    for (key, tensor) in weights {
        Promise.hold(
            HostTensor.byteCount(shape: tensor.shape, elementType: tensor.elementType) == tensor.bytes.count,
            "'\(key)' has shape \(tensor.shape) and \(tensor.bytes.count) bytes")
    }
}

/// Weights that were read can be written in both formats and read back equal, unless writing
/// refuses them.
private func checkThatItReadsBack(_ weights: StateDictionary, _ file: Scratch) throws {
    guard weights.reduce(0, { $0 + $1.tensor.bytes.count }) <= 1 << 16 else { return }
    for url in [file.other("input.copy.safetensors"), file.other("input.copy.pth")] {
        guard (try? WeightsFile.write(weights, to: url)) != nil else { continue }
        guard let copy = try? WeightsFile.read(url) else {
            // Two different keys may lose the same wrapper's prefix; an empty file holds no
            // weights.
            continue
        }
        for (key, tensor) in copy {
            Promise.hold(weights[key] == tensor || weights[key] == nil, "'\(key)' reads back otherwise from \(url.lastPathComponent)")
        }
    }
}
