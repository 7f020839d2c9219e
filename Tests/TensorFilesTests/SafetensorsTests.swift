import Foundation
import TestSupport
import Testing

@testable import TensorFiles

@Suite struct SafetensorsTests {
    @Test func readsWhatThePackageWrites() throws {
        let read = try SafetensorsFile.read(TestFiles.fixture("weights.safetensors"))
        #expect(read.metadata == ["epoch": .string("3"), "note": .string("naïve \"quotes\"\n")])
        #expect(read.metadata["epoch"]?.integerValue == 3)
        #expect(read["vmunet.empty"]?.shape == [0, 3] && read["vmunet.scale"]?.shape == [])
        #expect(read.count == 6)
    }

    @Test func roundTripIsExactAndDeterministic() throws {
        var dictionary = try SafetensorsFile.read(TestFiles.fixture("types.safetensors"))
        dictionary.metadata = ["b": .number(0.1), "a": .integer(3), "é\"\\\u{1}": .bool(true)]
        try withTemporaryFolder { folder in
            let urls = ["1.safetensors", "2.safetensors"].map { folder.appendingPathComponent($0) }
            for url in urls { try WeightsFile.write(dictionary, to: url) }
            #expect(try Data(contentsOf: urls[0]) == Data(contentsOf: urls[1]))
            let read = try WeightsFile.read(urls[0])
            #expect(read.keys == dictionary.keys)
            for (key, tensor) in dictionary { #expect(read[key] == tensor, "\(key)") }
            #expect(read.metadata == dictionary.metadata.mapValues { .string($0.text) })
            #expect(read.metadata["b"]?.numberValue == 0.1)
        }
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func thePackageReadsOurs() throws {
        var dictionary = try SafetensorsFile.read(TestFiles.fixture("types.safetensors"))
        for (key, tensor) in try SafetensorsFile.read(TestFiles.fixture("weights.safetensors")) { dictionary[key] = tensor }
        dictionary.metadata = ["epoch": .integer(3), "é\"\\\u{1}": .string("\t")]
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("ours.safetensors")
            try SafetensorsFile.write(dictionary, to: url)
            let program = """
                import sys, torch, safetensors
                from safetensors.torch import load_file
                ours, theirs = load_file(sys.argv[1]), {**load_file(sys.argv[2]), **load_file(sys.argv[3])}
                assert set(ours) == set(theirs), set(ours) ^ set(theirs)
                for k, v in theirs.items():
                    assert ours[k].dtype == v.dtype and ours[k].shape == v.shape and torch.equal(ours[k], v), k
                with safetensors.safe_open(sys.argv[1], 'np') as f: assert f.metadata() == {'epoch': '3', 'é"\\\\\\x01': '\\t'}, f.metadata()
                import safetensors.numpy
                safetensors.numpy.load_file(sys.argv[4])
                print(len(ours))
                """
            // The package's NumPy side knows no bfloat16.
            let plain = folder.appendingPathComponent("plain.safetensors")
            try SafetensorsFile.write(try SafetensorsFile.read(TestFiles.fixture("weights.safetensors")), to: plain)
            let output = try Python.run(
                program, [url.path, TestFiles.fixture("types.safetensors").path, TestFiles.fixture("weights.safetensors").path, plain.path])
            #expect(output == "\(dictionary.count)\n")
        }
    }

    static func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.put(length ?? UInt64(header.utf8.count))
        return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    static func entry(_ name: String = "a", _ type: String = "F32", _ shape: String = "1", _ offsets: String = "0,4") -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(offsets)]}"
    }

    @Test(arguments: [
        (file("{\(entry())}", data: 3), "has 3 of 4 bytes"), (file("{\(entry())}", data: 5), "1 bytes at its end"),
        (file("{\(entry()),\(entry("b"))}", data: 4), "overlaps"),
        (file("{\(entry()),\(entry("b", "F32", "1", "8,12"))}", data: 12), "belong to no tensor"),
        (file("{\(entry()),\(entry())}", data: 4), "twice"), (file("{\(entry("a", "F4"))}", data: 4), "elements of type F4"),
        (file("{\(entry("a", "F32", "2"))}", data: 4), "takes 8 bytes"), (file("{\(entry("a", "F32", "-1"))}", data: 4), "no whole number"),
        (file("{\(entry("a", "F32", "9223372036854775807,2"))}", data: 4), "out of range"),
        (file("{\(entry("a", "F32", "1", "4,0"))}", data: 4), "takes 4 bytes"),
        (file("{\(entry("a", "F32", "99999999999999999999"))}", data: 4), "no whole number"), (file("{", length: 1), "JSON header"),
        (file("{}", length: 100), "the header has 2 of 100"), (file("{}", length: 100_000_001), "more than 100 MB"),
        (file("{}", length: .max), "more than 100 MB"),
        (file("{}x"), "after the end"), (file("{\"a\":[[[[[[[[]]]]]]]]}"), "no '{'"), (file("{\"a\":{}}"), "lacks dtype"),
        (file("{\"\\ud800\":{}}"), "half a character"),
        (file("{\(entry("a", "F32", (0..<65).map { _ in "1" }.joined(separator: ",")))}", data: 4), "more than 64"),
        ([1, 2, 3], "has 3 of 8 bytes"),
    ])
    func refusesHeadersThatLie(bytes: [UInt8], reason: String) throws {
        let error = try TestFiles.refusal(bytes, as: "x.safetensors", SafetensorsFile.read)
        #expect(error.reason.contains(reason), "\(error)")
    }
}
