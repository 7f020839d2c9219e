import Foundation
import Testing

@testable import Files
@testable import TensorFiles

/// Harmful files: each must be refused quickly, with its reason.
@Suite struct HostilePickleTests {
    static let fourBytes: [(String, [UInt8])] = [("data/0", [0, 0, 0x80, 0x3F])]

    private func refusal(_ pickle: [UInt8], records: [(String, [UInt8])] = fourBytes) throws -> FileError {
        try TestFiles.refusal(try TestFiles.archive(pickle, records: records))
    }

    @Test func theBuilderMakesSoundFiles() throws {
        let pickle = Pickle.dictionary { $0.tensor(count: 1, shape: [1], strides: [1]) }
        let read = try TestFiles.read(try TestFiles.archive(pickle, records: Self.fourBytes), as: "x.pth") { try WeightsFile.read($0) }
        #expect(read["a"] == HostTensor([1] as [Float]))
    }

    @Test(arguments: [
        (1, 0, [2], [1], "reaches element 1 of a storage of 1"), (1, 1, [1], [1], "reaches element 1"),
        (1, -1, [1], [1], "negative offset or stride"),
        (1, 0, [2], [-1], "negative offset or stride"), (1, 0, [-1], [1], "out of range"),
        (1, 0, [1 << 40, 1 << 40], [0, 0], "out of range"),
        (1, 0, [2, 2], [Int.max, Int.max], "out of range"), (1, 0, [1 << 40], [0], "far more than the file holds"),
        (1, 0, [1, 1], [1], "2 lengths and 1 strides"),
        (2, 0, [1], [1], "has 4 of 8 bytes"), (Int.max, 0, [1], [1], "storage of"), (0, 0, [1], [1], "its storage is empty"),
        (1, Int.max, [1], [1], "reaches element"),
    ])
    func tensorsOutOfBounds(count: Int, offset: Int, shape: [Int], strides: [Int], reason: String) throws {
        let error = try refusal(Pickle.dictionary { $0.tensor(count: count, offset: offset, shape: shape, strides: strides) })
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.reason.contains("'a'") || error.kind == .truncated)
    }

    @Test func keysThatAreNoText() throws {
        var pickle = Pickle()
        pickle.op(.emptyDict, .mark, .emptyTuple)
        pickle.tensor(count: 1, shape: [1], strides: [1])
        pickle.op(.setItems, .stop)
        #expect(try refusal(pickle.bytes).reason == "holds no weights: a dictionary whose keys are not text, where weights have names")
        var empty = Pickle()
        empty.op(.emptyDict, .stop)
        #expect(try refusal(empty.bytes).reason == "holds an empty dictionary, no weights")
    }

    @Test func negativeStorage() throws {
        let negative = try refusal(Pickle.dictionary { $0.tensor(count: -1, shape: [1], strides: [1]) })
        #expect(negative.reason.contains("a storage that torch.save does not write"))
    }

    /// A storage declared once as four bytes and once as eight must not be read as eight bytes of
    /// four.
    @Test func storageDeclaredTwice() throws {
        var pickle = Pickle()
        pickle.op(.emptyDict, .mark)
        pickle.string("a")
        pickle.tensor(count: 1, shape: [1], strides: [1])
        pickle.string("b")
        pickle.tensor(storage: "DoubleStorage", count: 1, shape: [1], strides: [1])
        pickle.op(.setItems, .stop)
        #expect(try refusal(pickle.bytes).reason.contains("declared in two ways"))
    }

    /// Version 3 gives the type beside the storage; it must be measured in the storage's bytes.
    @Test func typeWiderThanItsStorage() throws {
        let pickle = Pickle.dictionary {
            $0.global("torch._utils", "_rebuild_tensor_v3")
            $0.op(.mark, .mark)
            $0.string("storage")
            $0.global("torch", "FloatStorage")
            $0.string("0")
            $0.string("cpu")
            $0.integer(1)
            $0.op(.tuple, .binPersistentID)
            $0.integer(0)
            $0.integers([1])
            $0.integers([1])
            $0.op(.newFalse, .none)
            $0.global("torch", "float64")
            $0.op(.tuple, .reduce)
        }
        #expect(try refusal(pickle).reason.contains("reaches element 0 of a storage of 0"))
    }

    @Test func containersInThemselves() throws {
        var list = Pickle()
        list.op(.emptyList, .duplicate, .append, .stop)
        #expect(try refusal(list.bytes).reason.contains("no dictionary"))
        var dictionary = Pickle()
        dictionary.op(.emptyDict, .duplicate)
        dictionary.raw([PickleOpcode.binPut.rawValue, 0, PickleOpcode.pop.rawValue])
        for key in ["model", "state_dict"] {
            dictionary.string(key)
            dictionary.raw([PickleOpcode.binGet.rawValue, 0])
            dictionary.op(.setItem)
        }
        dictionary.op(.stop)
        #expect(try refusal(dictionary.bytes).reason.contains("no weights"))
        // A tuple containing a list that contains the tuple, as a call's arguments.
        var call = Pickle()
        call.global("torch._tensor", "_rebuild_from_type_v2")
        call.op(.duplicate, .emptyList, .tuple3, .duplicate)
        call.op(.reduce, .stop)
        #expect(try refusal(call.bytes).kind != .missing)
    }

    @Test func deepNesting() throws {
        var marks = Pickle()
        for _ in 0..<2_000 { marks.op(.mark) }
        #expect(try refusal(marks.bytes).reason.contains("nested more than 1000 deep"))
        // A million nested lists are only indices.
        var lists = Pickle()
        lists.op(.emptyList)
        for _ in 0..<1_000_000 { lists.op(.tuple1) }
        lists.op(.stop)
        #expect(try refusal(lists.bytes).reason.contains("no dictionary"))
    }

    @Test func tooMuchOfEverything() throws {
        #expect(
            try refusal([0x80, 2] + [UInt8](repeating: PickleOpcode.emptyList.rawValue, count: 2_000_000)).reason.contains("values at once")
        )
        let pairs: [UInt8] = [PickleOpcode.none.rawValue, PickleOpcode.pop.rawValue]
        #expect(try refusal([0x80, 2] + (0..<3_000_000).flatMap { _ in pairs }).reason.contains("instructions"))
        #expect(try refusal(Pickle.dictionary { $0.string(String(repeating: "x", count: 100)) }).reason.contains("only the keys a"))
    }

    /// A long key remembered and used a million times, and a long list made into a dictionary as
    /// often: neither may cost its length each time.
    @Test func quadraticTricks() throws {
        var keys = Pickle()
        keys.op(.emptyDict)
        keys.string(String(repeating: "k", count: 4_096))
        keys.raw([PickleOpcode.binPut.rawValue, 0])
        keys.op(.none, .setItem)
        for _ in 0..<500_000 { keys.raw([PickleOpcode.binGet.rawValue, 0, PickleOpcode.none.rawValue, PickleOpcode.setItem.rawValue]) }
        keys.op(.stop)
        #expect(try refusal(keys.bytes).reason.contains("instructions"))

        var lists = Pickle()
        lists.op(.emptyList, .mark)
        for _ in 0..<500_000 { lists.op(.none) }
        lists.op(.appends)
        lists.raw([PickleOpcode.binPut.rawValue, 0])
        for _ in 0..<100_000 {
            lists.global("collections", "OrderedDict")
            lists.raw([
                PickleOpcode.binGet.rawValue, 0, PickleOpcode.tuple1.rawValue, PickleOpcode.reduce.rawValue, PickleOpcode.pop.rawValue,
            ])
        }
        lists.op(.stop)
        #expect(try refusal(lists.bytes).reason.contains("instructions"))

        let long = try refusal(Pickle.dictionary { $0.string(String(repeating: "x", count: 9_000)) } + [])
        #expect(long.reason.contains("no weights"))
        var longKey = Pickle()
        longKey.op(.emptyDict)
        longKey.string(String(repeating: "x", count: 9_000))
        longKey.op(.none, .setItem, .stop)
        #expect(try refusal(longKey.bytes).reason.contains("a key of 9000 bytes"))
    }

    /// A tensor of 60 MB made a thousand times from one storage.
    @Test func manyViewsOfOneStorage() throws {
        var pickle = Pickle()
        pickle.op(.emptyDict)
        for index in 0..<1_000 {
            pickle.string("k\(index)")
            pickle.tensor(count: 1, shape: [15_000_000], strides: [0])
            pickle.op(.setItem)
        }
        pickle.op(.stop)
        #expect(try refusal(pickle.bytes).reason.contains("far more than the file holds"))
    }

    @Test(arguments: [
        [PickleOpcode.binUnicode.rawValue, 0xFF, 0xFF, 0xFF, 0x7F],
        [PickleOpcode.binUnicode8.rawValue] + [UInt8](repeating: 0xFF, count: 8),
        [PickleOpcode.binBytes8.rawValue] + [UInt8](repeating: 0x7F, count: 8), [PickleOpcode.long4.rawValue, 0xFF, 0xFF, 0xFF, 0x7F],
        [PickleOpcode.long4.rawValue, 0xFF, 0xFF, 0xFF, 0xFF], [PickleOpcode.binString.rawValue, 0xFF, 0xFF, 0xFF, 0xFF],
        [PickleOpcode.unicode.rawValue, 0x41], [PickleOpcode.global.rawValue, 0x41, 0x0A, 0x42],
    ])
    func lengthsThatLie(bytes: [UInt8]) throws {
        let error = try refusal([0x80, 2] + bytes)
        #expect(error.kind == .truncated && error.reason.contains("byte"), "\(error)")
    }

    @Test func everyOpcodeAloneIsAnErrorThatNamesIt() throws {
        for code in UInt8.min ... .max {
            // Zeros and line feeds satisfy any argument.
            var machine = PickleMachine(PickleInput([code, 0x30, 0x0A, 0x30, 0x0A, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF]))
            let fault = try #require(throws: Fault.self) { _ = try machine.load() }
            #expect(fault.reason.contains("opcode") || fault.kind == .truncated, "\(fault)")
        }
    }

    @Test func instancesAndCallsStayInert() throws {
        var pickle = Pickle()
        pickle.op(.emptyDict, .mark)
        pickle.string("evil")
        pickle.op(.mark)
        pickle.string("touch /tmp/vmunet_tensorfiles_pwned")
        pickle.raw([PickleOpcode.instance.rawValue] + Array("os\nsystem\n".utf8))
        pickle.string("object")
        pickle.op(.mark)
        pickle.global("builtins", "exec")
        pickle.string("1/0")
        pickle.op(.object)
        pickle.string("chain")
        pickle.global("builtins", "getattr")
        pickle.op(.none, .none, .tuple2, .reduce, .emptyTuple, .reduce)
        pickle.op(.emptyDict, .build)
        pickle.string("a")
        pickle.tensor(count: 1, shape: [1], strides: [1])
        pickle.op(.setItems, .stop)
        let read = try TestFiles.read(try TestFiles.archive(pickle.bytes, records: Self.fourBytes), as: "x.pth") {
            try WeightsFile.read($0)
        }
        #expect(read.keys == ["a"] && read.metadata.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: "/tmp/vmunet_tensorfiles_pwned"))
    }

    @Test func protocolZero() throws {
        // {'a': (1, 2L, 3.5, True, u'é', 'b', None)} as protocol 0 writes it, then a tensor under
        // 'w'.
        var pickle = Pickle()
        pickle.bytes = Array("(dp0\nS'a'\np1\n(I1\nL2L\nF3.5\nI01\nVé\nS'b'\nNtp2\nsS'epoch'\nI7\nsg1\n(lp3\nsS'w'\n".utf8)
        pickle.tensor(count: 1, shape: [], strides: [])
        pickle.op(.setItem, .stop)
        let read = try TestFiles.read(try TestFiles.archive(pickle.bytes, records: Self.fourBytes), as: "x.pth") {
            try WeightsFile.read($0)
        }
        #expect(read["w"] == HostTensor([1] as [Float], shape: []))
        #expect(read.metadata == ["epoch": .integer(7)])
    }

    @Test func recordsMissingOrLong() throws {
        let pickle = Pickle.dictionary { $0.tensor(count: 1, shape: [1], strides: [1]) }
        #expect(try refusal(pickle, records: []).reason.contains("no record data/0"))
        #expect(try refusal(pickle, records: [("data/0", [1])]).reason == "truncated: record data/0 has 1 of 4 bytes")
        #expect(try refusal(pickle, records: [("data/0", [1, 2, 3, 4, 5])]).reason.contains("has 5 bytes instead of 4"))
        #expect(try refusal(pickle, records: Self.fourBytes + Self.fourBytes).reason.contains("twice"))
    }

    /// A directory whose entries all point at the same bytes.
    @Test func overlappingEntries() throws {
        let record = [UInt8](repeating: 7, count: 4_000)
        let pickle = Pickle.dictionary { $0.tensor(count: 1_000, shape: [1_000], strides: [1]) }
        let bytes = try TestFiles.archive(pickle, records: [("data/0", record)])
        // The directory's second entry, repeated under names of its own.
        let start = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
        let end = try #require(bytes.indices.last { bytes[$0...].starts(with: [0x50, 0x4B, 5, 6]) })
        var entries: [UInt8] = []
        for index in 0..<50 {
            var entry = Array(bytes[start..<end])
            entry[entry.count - 1] = UInt8(index + 58)
            entries += entry
        }
        var tail = Array(bytes[end...])
        tail[8] = 51
        tail[10] = 51
        let first = try #require(bytes.indices.first { bytes[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
        var length: [UInt8] = []
        length.put(UInt32(start - first + entries.count))
        tail.replaceSubrange(12..<16, with: length)
        let error = try TestFiles.refusal(Array(bytes[..<start]) + entries + tail)
        #expect(error.reason.contains("overlap"), "\(error)")
    }

    @Test func damagedRecordFailsItsChecksum() throws {
        var bytes = try TestFiles.archive(Pickle.dictionary { $0.tensor(count: 1, shape: [1], strides: [1]) }, records: Self.fourBytes)
        let at = try #require(bytes.indices.first { bytes[$0...].starts(with: [0, 0, 0x80, 0x3F]) })
        bytes[at] = 1
        #expect(try TestFiles.refusal(bytes).reason.contains("data/0' is damaged"))
    }

    @Test func oldContainerThatLies() throws {
        let legacy = try TestFiles.bytes("legacy.pth")
        // The first storage's count of elements lies behind the last pickle.
        var machine = PickleMachine(PickleInput(legacy))
        for _ in 0..<5 { _ = try machine.load() }
        var bytes = legacy
        bytes[machine.input.position + 7] = 0x7F
        #expect(try TestFiles.refusal(bytes).reason.contains("elements instead of"))
        bytes[machine.input.position + 7] = 0xFF
        #expect(try TestFiles.refusal(bytes).reason.contains("elements instead of"))
    }
}
