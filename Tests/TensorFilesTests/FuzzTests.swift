import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// Damaged files: reading gives a result or a typed error, never a crash or a hang.
@Suite struct FuzzTests {
    private static func mutated(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var result = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !result.isEmpty {
            let at = Int.random(in: 0..<result.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: result[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: result[at] = .random(in: 0...255, using: &generator)
            case 2: result[at] = [0, 1, 0x7F, 0x80, 0xFF][Int.random(in: 0..<5, using: &generator)]
            case 3: result.removeSubrange(at...)
            case 4: result.removeSubrange(at..<min(result.count, at + Int.random(in: 1...16, using: &generator)))
            case 5: result.insert(contentsOf: (0..<4).map { _ in .random(in: 0...255, using: &generator) }, at: at)
            case 6:
                // A piece of the file, copied elsewhere.
                let from = Int.random(in: 0..<result.count, using: &generator)
                result.insert(contentsOf: Array(result[from..<min(result.count, from + 24)]), at: at)
            default: for i in at..<min(result.count, at + 4) { result[i] = 0xFF }
            }
        }
        return result
    }

    @Test(arguments: [
        "plain.pth", "legacy.pth", "views_legacy.pth", "deflated.pth", "training.pth", "weights.safetensors", "types.safetensors", "f4.npy",
        "big_endian_fortran.npy",
        "stored.npz", "deflated.npz",
    ])
    func damagedFiles(name: String) throws {
        let bytes = try TestFiles.bytes(name)
        var generator = SeededGenerator(state: UInt64(bytes.count))
        var refused = 0
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name)
            for _ in 0..<500 {
                try TestFiles.put(Self.mutated(bytes, &generator), at: url)
                do {
                    switch url.pathExtension {
                    case "npy": _ = try NumPyFile.read(url)
                    case "npz":
                        let archive = try NPZFile(url)
                        _ = try archive.read(archive.names)
                    default: _ = try WeightsFile.read(url)
                    }
                } catch {
                    #expect(error is FileError && !"\(error)".contains("\n"), "\(error)")
                    refused += 1
                }
            }
        }
        #expect(refused > 50)
    }

    /// Damage inside the pickle of a valid archive, where checksums do not help.
    @Test(arguments: ["plain.pth", "training.pth", "views.pth", "types.pth", "foreign.pth", "malicious.pth", "protocol4.pth"])
    func damagedPickles(name: String) throws {
        let pickle = try TestFiles.record("data.pkl", of: name)
        var generator = SeededGenerator(state: UInt64(pickle.count))
        final class Zeros: StorageSource {
            func bytes(of storage: StorageRecipe, byteCount: Int) throws -> [UInt8] {
                guard byteCount <= 4_096 else { throw Fault(.truncated, "truncated") }
                return [UInt8](repeating: 0, count: byteCount)
            }
        }
        var read = 0
        for _ in 0..<2_000 {
            do {
                var machine = PickleMachine(PickleInput(Self.mutated(pickle, &generator)))
                let root = try machine.load()
                let found = try StateDictionaryFinder(heap: machine.heap).find(in: root, choosing: .model)
                for (_, tensor) in try TensorLoader(heap: machine.heap, source: Zeros(), fileSize: 4_096).load(found) {
                    #expect(HostTensor.byteCount(shape: tensor.shape, elementType: tensor.elementType) == tensor.bytes.count)
                }
                read += 1
            } catch {
                #expect(error is Fault, "\(error)")
            }
        }
        #expect(read > 50 && !FileManager.default.fileExists(atPath: "/tmp/vmunet_tensorfiles_pwned"))
    }
}
