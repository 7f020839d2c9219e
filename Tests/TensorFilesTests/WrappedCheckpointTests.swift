import Foundation
import TestSupport
import Testing

@testable import Files
@testable import TensorFiles

/// Weights as saved by trainers and their wrappers.
@Suite struct WrappedCheckpointTests {
    private static func read(_ name: String, choosing choice: WeightsChoice = .model) throws -> StateDictionary {
        try WeightsFile.read(TestFiles.fixture("Checkpoints/\(name).pth"), choosing: choice)
    }

    private static func weights(adding offset: Float = 0) throws -> StateDictionary {
        var result = StateDictionary()
        for (key, tensor) in try SafetensorsFile.read(TestFiles.fixture("weights.safetensors")) {
            result[key] = offset == 0 ? tensor : HostTensor(tensor.floats.map { $0 + offset }, shape: tensor.shape)
        }
        return result
    }

    private static func expect(_ got: StateDictionary, equals expected: StateDictionary) {
        #expect(Set(got.keys) == Set(expected.keys))
        for (key, tensor) in expected { #expect(got[key] == tensor, "\(key)") }
    }

    @Test(arguments: [
        "compile_inner", "fsdp", "swa", "nnunet", "net", "generator", "Weights", "list", "tuple", "deep", "stray", "circular", "semantic",
    ])
    func findsTheWeightsWhateverTheirPlace(name: String) throws {
        let got = try Self.read(name)
        Self.expect(got, equals: try Self.weights())
        #expect(got.notes == [])
    }

    @Test(arguments: [("thop", 14), ("thop_parallel_legacy", 14), ("thop_around", 28)])
    func leavesOutCounters(name: String, count: Int) throws {
        let got = try Self.read(name)
        Self.expect(got, equals: try Self.weights())
        #expect(got.notes == ["\(count) counters that thop left in the weights (total_ops, total_params) were removed"])
    }

    /// Reading only the rest would change the network.
    @Test(arguments: [
        ("complex", "ComplexFloatStorage"), ("float8", "float8_e4m3fn"), ("sparse", "sparse_tensor"), ("quantized", "qtensor"),
        ("odd_parameter", "ComplexFloatStorage"), ("all_complex", "ComplexFloatStorage"),
    ])
    func refusesTensorsOfKindsThatAreNotRead(name: String, kind: String) throws {
        let error = try #require(throws: FileError.self) { try Self.read(name) }
        #expect(error.kind == .unsupported && error.reason.contains("of a kind that is not read (\(kind))"), "\(error)")
        #expect(error.reason.contains(name == "all_complex" ? "others" : "'odd'") && error.remedy.contains("to_dense().float()"))
    }

    @Test func keepsATensorThatOnlyHasACountersName() throws {
        let got = try Self.read("counter_names")
        #expect(got["vmunet.total_ops"]?.floats == [1, 1, 1])
        #expect(got.notes == [])
    }

    @Test(arguments: [
        ("model_and_ema", "model", "model_ema"), ("params_ema", "params", "params_ema"), ("ema_first", "state_dict", "ema.shadow"),
        ("student_teacher", "student", "teacher"),
    ])
    func takesTheModelUnlessTheAverageIsAskedFor(name: String, model: String, average: String) throws {
        let got = try Self.read(name)
        Self.expect(got, equals: try Self.weights())
        #expect(got.notes == ["the weights under '\(model)' are used, not those under '\(average)'"])
        let averaged = try Self.read(name, choosing: .average)
        Self.expect(averaged, equals: try Self.weights(adding: 0.5))
        #expect(averaged.notes == ["the averaged weights under '\(average)' are used, not those under '\(model)'"])
        Self.expect(try Self.read(name, choosing: .named(average)), equals: try Self.weights(adding: 0.5))
    }

    @Test func saysWhereThereIsOnlyAnAverage() throws {
        let got = try Self.read("ema_only")
        Self.expect(got, equals: try Self.weights())
        #expect(got.notes == ["the averaged weights under 'state_dict_ema' are used; there are no others"])
        #expect(got.metadata == ["epoch": .integer(1)])
    }

    @Test func saysWhichOfTwoNetworksItTook() throws {
        let got = try Self.read("two_nets")
        Self.expect(got, equals: try Self.weights())
        #expect(got.notes == ["the weights under 'netA' are used, not those under 'netB'"])
        Self.expect(try Self.read("two_nets", choosing: .named("netB")), equals: try Self.weights(adding: 0.5))
    }

    @Test func refusesASetThatIsNotThere() throws {
        let average = try #require(throws: FileError.self) { try Self.read("net", choosing: .average) }
        #expect(average.reason == "holds no averaged weights, only those under 'net'")
        let named = try #require(throws: FileError.self) { try Self.read("params_ema", choosing: .named("net")) }
        #expect(named.reason == "holds no weights under 'net', but under 'params_ema', 'params'")
    }

    @Test(arguments: [
        ("model_ema", true), ("emaModel", true), ("EMA", true), ("state_dict_ema", true), ("swa_state", true), ("averaged_model", true),
        ("schema", false), ("semantic", false), ("stemaxis", false), ("model", false), ("team", false),
    ])
    func tellsAveragesByTheirWords(name: String, isAverage: Bool) { #expect(WeightsChoice.isAverage(name) == isAverage) }

    /// The metadata is an attribute of the OrderedDict, so to PyTorch the file is still a plain
    /// state dictionary.
    @Test func carriesMetadataInAPlainStateDictionary() throws {
        var dictionary = try Self.weights()
        dictionary.metadata = [
            "format": .integer(1), "window": .string("-125 275"), "threshold": .number(0.5), "is_binary": .bool(true),
            "class_names": .string("background, Läsion\n\"x\""),
        ]
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("w.pth")
            try WeightsFile.write(dictionary, to: url)
            #expect(try WeightsFile.read(url) == dictionary)
        }
    }

    @Test(.enabled(if: Python.isAvailable, "VMUNET_PYTHON is not set"))
    func torchKeepsTheMetadata() throws {
        var dictionary = StateDictionary([
            ("weight", HostTensor([1, 2, 3, 4] as [Float], shape: [2, 2])), ("bias", HostTensor([5, 6] as [Float])),
        ])
        dictionary.metadata = ["format": .integer(1), "threshold": .number(0.25), "names": .string("a, b")]
        try withTemporaryFolder { folder in
            let (ours, theirs) = (folder.appendingPathComponent("ours.pth"), folder.appendingPathComponent("theirs.pth"))
            try WeightsFile.write(dictionary, to: ours)
            let program = """
                import sys, torch
                got = torch.load(sys.argv[1], weights_only=True)
                assert list(got) == ['weight', 'bias'], list(got)
                assert got.metadata == {'format': 1, 'threshold': 0.25, 'names': 'a, b'}, got.metadata
                net = torch.nn.Linear(2, 2)
                assert str(net.load_state_dict(got)) == '<All keys matched successfully>'
                torch.save(got, sys.argv[2])
                print('fine')
                """
            #expect(try Python.run(program, [ours.path, theirs.path]) == "fine\n")
            #expect(try WeightsFile.read(theirs) == dictionary)
        }
    }
}
