import Files
import Foundation
import Segmentation
import TestSupport
import Testing

@testable import Runs

@Suite("TensorBoard")
struct TensorBoardTests {
    @Test("CRC-32C of RFC 3720's examples")
    func checksum() {
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([UInt8](repeating: 255, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.of(Array(0..<32)) == 0x46DD_794E)
        #expect(CRC32C.of([]) == 0)
    }

    @Test("negative and large numbers are encoded as in protobuf")
    func wire() {
        var message = ProtobufMessage()
        message.add(1, Int64(150))
        #expect(message.bytes == [0x08, 0x96, 0x01])
        message = ProtobufMessage()
        message.add(2, Int64(-1))
        #expect(message.bytes == [0x10] + [UInt8](repeating: 0xFF, count: 9) + [0x01])
        message = ProtobufMessage()
        message.add(2, "testing")
        #expect(message.bytes == [0x12, 0x07] + Array("testing".utf8))
        message = ProtobufMessage()
        message.add(20, Float(1))
        #expect(message.bytes == [0xA5, 0x01, 0, 0, 0x80, 0x3F])
    }

    @Test(
        "Python's tensorboard reads back what was written, even while the file is open and after resuming", .enabled(if: Python.isAvailable)
    )
    func readBack() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tb-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = RunFolder(existing: folder)
        let events = RunSamples.events(epochs: 3, steps: 4)
        // Stopped in epoch 3 after its second step and resumed from epoch 3's beginning: what came
        // after the checkpoint is written again, with other values.
        let first = try TensorBoardLog(run, stepsPerEpoch: 4, after: 0)
        for event in events.prefix(12) { try first.append(event) }
        let second = try TensorBoardLog(run, stepsPerEpoch: 4, after: 8)
        for number in 1...4 { try second.append(.step(epoch: 3, step: number, loss: Double(number) + 0.5, learningRate: 0.25)) }
        try second.append(RunSamples.epoch(3, train: 0.75, validation: nil, score: 0, isBest: false))

        let read = try Self.scalars(run.tensorBoard)
        let steps = try #require(read["loss/step"])
        #expect(steps.map { Int($0[0]) } == Array(1...12))
        #expect(steps[7][1] == Double(Float(1 / 2.4)))
        #expect(steps.suffix(4).map { $0[1] } == [1.5, 2.5, 3.5, 4.5])
        #expect(read["lr"]?.last == [12, 0.25])
        #expect(read["loss/train"]?.map { $0[0] } == [4, 8, 12])
        #expect(read["loss/train"]?.last?[1] == 0.75)
        #expect(read["loss/val"] == [[4, Double(Float(1.1))], [8, Double(Float(0.55))]])
        #expect(read["scores/miou"] == [[4, Double(Float(0.51))], [8, Double(Float(0.52))]])
        for name in ["dsc", "accuracy", "specificity", "sensitivity"] { #expect(read["scores/" + name]?.count == 2) }
        #expect(read["epoch"]?.map { $0[1] } == [1, 2, 3])
    }

    @Test("a folder that is not writable gives an error that names it")
    func unwritable() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "tb-\(UUID().uuidString)")
        try Data("x".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(throws: FileError.self) { try TensorBoardWriter(folder: file.appending(path: "tensorboard")) }
    }

    /// Every tag's [step, value] pairs as read by EventAccumulator.
    private static func scalars(_ folder: URL) throws -> [String: [[Double]]] {
        let script = """
            import json, sys
            from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
            events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
            events.Reload()
            print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
            """
        return try JSONDecoder().decode([String: [[Double]]].self, from: Data(Python.run(script, [folder.path]).utf8))
    }
}

@Suite("Run environment")
struct RunEnvironmentTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "env-\(UUID().uuidString)")

    @Test("an entry for each start and resumption; a damaged file is started anew")
    func entries() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let run = RunFolder(existing: folder)
        #expect(RunEnvironment.read(run).isEmpty)
        let entry = RunEnvironment(instructionSet: "avx2", libtorch: "2.0", device: "cpu", parameters: nil)
        try entry.append(to: run)
        try entry.append(to: run)
        #expect(RunEnvironment.read(run) == [entry, entry])
        #expect(entry.cores > 0 && entry.memoryBytes > 0 && !entry.cpu.isEmpty)
        try Data("[{".utf8).write(to: run.environment)
        #expect(RunEnvironment.read(run).isEmpty)
        try entry.append(to: run)
        #expect(RunEnvironment.read(run) == [entry])
    }

    @Test("the checked-out commit: detached, by a loose or packed reference, in a linked tree; none without git")
    func commit() throws {
        let (git, tree) = (folder.appending(path: "main/.git"), folder.appending(path: "linked"))
        let (a, b) = (String(repeating: "a1", count: 20), String(repeating: "b2", count: 20))
        for made in [git.appending(path: "refs/heads"), git.appending(path: "worktrees/linked"), tree] {
            try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let main = folder.appending(path: "main")
        func write(_ text: String, _ url: URL) throws { try Data(text.utf8).write(to: url) }
        #expect(SourceCommit.of(main) == nil)
        try write(a + "\n", git.appending(path: "HEAD"))
        #expect(SourceCommit.of(main) == a)
        try write("ref: refs/heads/work\n", git.appending(path: "HEAD"))
        #expect(SourceCommit.of(main) == nil)
        try write("# pack-refs\n\(a) refs/heads/other\n\(b) refs/heads/work\n", git.appending(path: "packed-refs"))
        #expect(SourceCommit.of(main) == b)
        try write(a + "\n", git.appending(path: "refs/heads/work"))
        #expect(SourceCommit.of(main) == a)
        try write("gitdir: \(git.path)/worktrees/linked\n", tree.appending(path: ".git"))
        try write("ref: refs/heads/work\n", git.appending(path: "worktrees/linked/HEAD"))
        try write("../..\n", git.appending(path: "worktrees/linked/commondir"))
        #expect(SourceCommit.of(tree) == a)
        try write("not a commit", git.appending(path: "HEAD"))
        #expect(SourceCommit.of(main) == nil)
    }
}
