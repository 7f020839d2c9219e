import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

@Suite struct WritingTests {
    private func everything() throws -> StateDictionary {
        var dictionary = try SafetensorsFile.read(TestFiles.fixture("types.safetensors"))
        for (key, tensor) in try SafetensorsFile.read(TestFiles.fixture("weights.safetensors")) { dictionary[key] = tensor }
        dictionary["long"] = HostTensor([Int8](repeating: 3, count: 100_000), shape: [1_000, 100])
        dictionary["clé"] = HostTensor([1] as [Float])
        return dictionary
    }

    @Test func roundTripsAndIsDeterministic() throws {
        let dictionary = try everything()
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("w.pth")
            try WeightsFile.write(dictionary, to: url)
            let first = try Data(contentsOf: url)
            try WeightsFile.write(dictionary, to: url)
            #expect(try Data(contentsOf: url) == first)
            #expect(try WeightsFile.read(url) == dictionary)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["w.pth"])
        }
    }

    @Test func writesMetadataBesideNestedWeights() throws {
        var dictionary = try everything()
        dictionary.metadata = [
            "epoch": .integer(-70_000), "loss": .number(0.25), "ok": .bool(false), "name": .string("n"), "big": .integer(1 << 40),
        ]
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("w.pt")
            try PyTorchArchive.write(dictionary, to: url, under: "model")
            #expect(try WeightsFile.read(url) == dictionary)
        }
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func torchReadsOurs() throws {
        var dictionary = try everything()
        dictionary.metadata = ["epoch": .integer(5)]
        try withTemporaryFolder { folder in
            let plain = folder.appendingPathComponent("plain.pth")
            let nested = folder.appendingPathComponent("nested.pth")
            let reference = folder.appendingPathComponent("reference.safetensors")
            try WeightsFile.write(dictionary, to: plain)
            try PyTorchArchive.write(dictionary, to: nested, under: "model")
            try WeightsFile.write(dictionary, to: reference)
            let program = """
                import sys, zipfile, collections, torch
                from safetensors.torch import load_file
                a, b, c = sys.argv[1:4]
                plain, nested, mapped = torch.load(a, weights_only=True), torch.load(b, weights_only=True), torch.load(a, weights_only=True, mmap=True)
                assert type(plain) is collections.OrderedDict and nested['epoch'] == 5
                want = load_file(c)
                for got in (plain, nested['model'], mapped):
                    assert set(got) == set(want)
                    for k, v in want.items():
                        assert got[k].dtype == v.dtype and got[k].shape == v.shape and got[k].is_contiguous() and torch.equal(got[k], v), k
                with zipfile.ZipFile(a) as z:
                    assert z.testzip() is None
                    for i in z.infolist():
                        with open(a, 'rb') as f:
                            f.seek(i.header_offset + 26); n = int.from_bytes(f.read(2), 'little'); e = int.from_bytes(f.read(2), 'little')
                        assert (i.header_offset + 30 + n + e) % 64 == 0, i
                assert torch._C.PyTorchFileReader(a).get_all_records()
                print(len(plain))
                """
            #expect(try Python.run(program, [plain.path, nested.path, reference.path]) == "\(dictionary.count)\n")
        }
    }

    @Test func refusesExtensionsItDoesNotKnow() throws {
        let error = try #require(throws: FileError.self) {
            try WeightsFile.write(try everything(), to: URL(fileURLWithPath: "w.onnx"))
        }
        #expect(error.kind == .unsupported && error.remedy.contains(".pth"))
    }

    @Test func failureLeavesTheOldFile() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("w.pth")
            try Data("old".utf8).write(to: url)
            #expect(throws: (any Error).self) {
                try AtomicFile.write(to: url) { writer in
                    try writer.write([UInt8](repeating: 1, count: 1 << 20))
                    throw Fault(.unwritable, "the disk is full")
                }
            }
            #expect(try Data(contentsOf: url) == Data("old".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["w.pth"])
            let missing = folder.appendingPathComponent("none/w.pth")
            let error = try #require(throws: FileError.self) { try WeightsFile.write(try everything(), to: missing) }
            #expect(error.kind == .unwritable && error.reason.contains("cannot be created"))
        }
    }

    /// Writing through a link replaces its target, not the link.
    @Test func keepsLinks() throws {
        try withTemporaryFolder { folder in
            let target = folder.appendingPathComponent("epoch3.safetensors")
            let link = folder.appendingPathComponent("last.safetensors")
            try Data("old".utf8).write(to: target)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
            let dictionary = StateDictionary([("a", HostTensor([1] as [Float]))])
            try WeightsFile.write(dictionary, to: link)
            #expect(try WeightsFile.read(target) == dictionary)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
        }
    }

    @Test func checksumsAsZipDoes() {
        #expect(Checksum.crc32(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(Checksum.crc32([]) == 0)
    }
}
