import Files
import Foundation
import TestSupport
import Testing

@testable import TensorFiles

@Suite struct CheckpointTests {
    static let weights = TestFiles.fixture("weights.safetensors")

    @Test(arguments: [
        "plain.pth", "legacy.pth", "protocol4.pth", "protocol5_legacy.pth", "training.pth", "nested.pth", "wrapped.pth", "parameters.pth",
        "deflated.pth",
        "big_endian.pth", "foreign.pth", "malicious.pth",
    ])
    func readsEveryForm(name: String) throws {
        let expected = try SafetensorsFile.read(Self.weights)
        let got = try WeightsFile.read(TestFiles.fixture(name))
        #expect(Set(got.keys) == Set(expected.keys))
        for (key, tensor) in expected { #expect(got[key] == tensor, "\(key)") }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/vmunet_tensorfiles_pwned"))
    }

    @Test(arguments: ["views.pth", "views_legacy.pth"])
    func copiesViewsOutOfTheirStorage(name: String) throws {
        let expected = try SafetensorsFile.read(Self.weights)
        let got = try WeightsFile.read(TestFiles.fixture(name))
        for (key, tensor) in expected { #expect(got[key] == tensor, "\(key)") }
        #expect(got["vmunet.tied"] == expected["vmunet.patch_embed.proj.bias"])
        let scale = try #require(expected["vmunet.scale"]?.floats.first)
        #expect(got["vmunet.expanded"] == HostTensor([Float](repeating: scale, count: 12), shape: [3, 4]))
        #expect(got.count == expected.count + 2)
    }

    @Test(arguments: ["types.pth", "types_legacy.pth"])
    func readsEveryElementType(name: String) throws {
        let expected = try SafetensorsFile.read(TestFiles.fixture("types.safetensors"))
        let got = try WeightsFile.read(TestFiles.fixture(name))
        #expect(Set(got.keys) == Set(expected.keys))
        for (key, tensor) in expected {
            #expect(got[key] == tensor, "\(key)")
            if !key.contains("special") { #expect(tensor.floats == (key == "bool" ? [0, 1, 1, 1] : [0, 1, 2, 100]), "\(key)") }
        }
        #expect(Set(expected.map(\.tensor.elementType)) == Set(ElementType.allCases))
        #expect(expected["float16.special"]?.floats == [.infinity, -.infinity, 65504, 0x1p-24, -0.0, 0.333251953125])
    }

    @Test func halfPrecisionIsTheRoundedWeights() throws {
        let expected = try SafetensorsFile.read(Self.weights)
        let got = try WeightsFile.read(TestFiles.fixture("half.pth"))
        #expect(Set(got.keys) == Set(expected.keys))
        for (key, tensor) in expected { #expect(got[key] == tensor.converted(toFloatingPoint: .float16), "\(key)") }
    }

    @Test func readsPlainValuesBesideTheWeights() throws {
        let training = try WeightsFile.read(TestFiles.fixture("training.pth")).metadata
        #expect(training == ["epoch": .integer(12), "min_loss": .number(0.31), "name": .string("run"), "amp": .bool(true)])
        #expect(try WeightsFile.read(TestFiles.fixture("nested.pth")).metadata == ["epoch": .integer(2), "step": .integer(7)])
    }

    @Test(arguments: [
        ("whole_module.pth", "whole object (__main__.Whole)"), ("torchscript.pt", "TorchScript"),
        ("no_weights.pth", "only the keys epoch, loss"),
        ("bomb.pth", "far more than the file"), ("bomb_pickle.pth", "data.pkl' unpacks to 100000000 bytes"), ("stored.npz", ".npz"),
        ("f4.npy", ".npy"),
    ])
    func saysWhyItCannot(name: String, reason: String) throws {
        let error = try #require(throws: FileError.self) { try WeightsFile.read(TestFiles.fixture(name)) }
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.file.hasSuffix(name) && !error.remedy.isEmpty && !error.description.contains("\n"))
    }

    @Test(arguments: ["plain.pth", "legacy.pth", "weights.safetensors"])
    func everyTruncationIsAnError(name: String) throws {
        let bytes = try TestFiles.bytes(name)
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent(name)
            for count in 0..<bytes.count {
                try TestFiles.put(bytes.prefix(count), at: url)
                #expect(throws: FileError.self, "\(count) bytes") { try WeightsFile.read(url) }
            }
        }
    }

    @Test(arguments: [
        ("", "is empty"), ("<!DOCTYPE html><html>", "web page (HTML)"), ("  <HTML>\n<head>", "web page (HTML)"),
        ("version https://git-lfs.github.com/spec/v1\noid", "git-lfs"),
        ("%PDF-1.7", "PDF"), ("hello", "text file"), ("PK\u{5}\u{6}", "empty zip"),
        ("\0\0\0\0\0\0\0\0\0\0\0", "zeros"),
    ])
    func saysWhatAFileReallyIs(text: String, reason: String) throws {
        let error = try TestFiles.refusal(Array(text.utf8))
        #expect(error.kind == .wrongFormat && error.reason.contains(reason), "\(error)")
    }

    @Test func recognisesBinaryFormats() throws {
        #expect(try TestFiles.refusal([0x89] + Array("PNG\r\n".utf8)).reason.contains("PNG"))
        #expect(try TestFiles.refusal([0xFF, 0xD8, 0xFF, 0xE0]).reason.contains("JPEG"))
        #expect(try TestFiles.refusal([0x80, 4, 0x95, 0, 0]).reason.contains("bare Python pickle"))
        var tar = [UInt8](repeating: 0, count: 512)
        tar.replaceSubrange(0..<8, with: Array("sys_info".utf8))
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        #expect(try TestFiles.refusal(tar).reason.contains("PyTorch before 0.2"))
    }

    @Test func refusesWhatIsNoFile() throws {
        #expect(throws: FileError.self) { try WeightsFile.read(URL(fileURLWithPath: "/dev/zero")) }
        try withTemporaryFolder { folder in
            let isFolder = try #require(throws: FileError.self) { try WeightsFile.read(folder) }
            #expect(isFolder.reason == "is a folder")
            let isMissing = try #require(throws: FileError.self) { try WeightsFile.read(folder.appendingPathComponent("none.pth")) }
            #expect(isMissing.kind == .missing)
            let pipe = folder.appendingPathComponent("pipe.pth")
            #expect(mkfifo(pipe.path, 0o600) == 0)
            #expect(throws: FileError.self) { try WeightsFile.read(pipe) }
        }
    }
}

/// The specification's full-size checkpoints, if available.
@Suite(.enabled(if: TestMachine.fixtures != nil, "VMUNET_FIXTURES is not set"))
struct FullSizeFixtures {
    @Test(arguments: [
        "plain_state_dict.pth", "legacy_not_zip.pth", "training_latest.pth", "data_parallel_half.pth", "shared_storage_views.pth",
        "with_foreign_object.pth",
        "malicious.pth",
    ])
    func readsTheSameWeights(name: String) throws {
        let folder = try #require(TestMachine.fixtures)
        let expected = try WeightsFile.read(folder.appendingPathComponent("model_small_weights.safetensors"))
        let got = try WeightsFile.read(folder.appendingPathComponent(name))
        #expect(Set(got.keys) == Set(expected.keys))
        for (key, tensor) in expected {
            #expect(got[key] == (name.contains("half") ? tensor.converted(toFloatingPoint: .float16) : tensor), "\(key)")
        }
        #expect(!FileManager.default.fileExists(atPath: "/tmp/vmunet_pwned"))
    }

    @Test func readsPretrainedWeights() throws {
        let got = try WeightsFile.read(try #require(TestMachine.fixtures).appendingPathComponent("vmamba_pretrained.pth"))
        #expect(got["head.weight"]?.shape == [1000, 128])
        #expect(got["patch_embed.proj.weight"]?.shape == [16, 3, 4, 4])
        #expect(got.metadata["epoch"] == .integer(238))
    }
}
