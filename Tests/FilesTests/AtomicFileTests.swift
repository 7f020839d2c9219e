import Foundation
import TestSupport
import Testing

@testable import Files

@Suite struct AtomicFileTests {
    private func names(_ folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    @Test func replacesWholeFiles() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("a.bin")
            let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try AtomicFile.write([1, 2, 3], to: url)
            try AtomicFile.write(large, to: url, isDurable: false)
            #expect(try [UInt8](Data(contentsOf: url)) == large)
            #expect(try names(folder) == ["a.bin"])
        }
    }

    /// A name may be as long as the disk allows; the temporary file's name does not build on it.
    @Test func takesTheLongestNames() throws {
        try withTemporaryFolder { folder in
            let name = String(repeating: "n", count: 251) + ".bin"
            try AtomicFile.write([7], to: folder.appendingPathComponent(name))
            #expect(try names(folder) == [name])
            let error = try #require(throws: FileError.self) { try AtomicFile.write([7], to: folder.appendingPathComponent("n" + name)) }
            #expect(error.kind == .unwritable)
            #expect(try names(folder) == [name])
        }
    }

    /// A pipe, which stands for devices too, stays one.
    @Test func replacesNoPipe() throws {
        try withTemporaryFolder { folder in
            let pipe = folder.appendingPathComponent("pipe")
            try #require(mkfifo(pipe.path, 0o600) == 0)
            let error = try #require(throws: FileError.self) { try AtomicFile.write([7], to: pipe) }
            #expect(error.kind == .unwritable && error.reason.contains("pipe"))
            var status = stat()
            #expect(lstat(pipe.path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
            #expect(try names(folder) == ["pipe"])
        }
    }

    @Test func aFailingBodyLeavesTheOldFile() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("a.bin")
            try AtomicFile.write([1], to: url)
            #expect(throws: FileError.self) {
                try AtomicFile.write(to: url) { writer in
                    try writer.write([UInt8](repeating: 2, count: 1 << 20))
                    throw FileError(.limit, file: "a", reason: "stopped", remedy: "")
                }
            }
            #expect(try [UInt8](Data(contentsOf: url)) == [1])
            #expect(try names(folder) == ["a.bin"])
        }
    }

    /// A killed writer's file is removed, a living process's stays: its lock distinguishes them.
    @Test func removesWhatDeadProcessesLeft() throws {
        try withTemporaryFolder { folder in
            let abandoned = folder.appendingPathComponent(".vmunet-1-abc.tmp")
            let foreign = folder.appendingPathComponent(".other.tmp")
            let target = folder.appendingPathComponent("keep.txt")
            let link = folder.appendingPathComponent(".vmunet-2-link.tmp")
            for url in [abandoned, foreign, target] { try Data("old".utf8).write(to: url) }
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
            let living = try #require(TemporaryFile(in: folder.path))
            try AtomicFile.write([1], to: folder.appendingPathComponent("new.bin"))
            let livingName = String(living.path.split(separator: "/").last!)
            #expect(try names(folder) == [livingName, ".other.tmp", ".vmunet-2-link.tmp", "keep.txt", "new.bin"].sorted())
            close(living.descriptor)
        }
    }

    /// Kills a process in the middle of writing.
    @Test func aKilledProcessLeavesNothingForLong() throws {
        try withTemporaryFolder { folder in
            // `flock` holds the lock as a writer does, then dies by SIGKILL.
            let path = folder.path + "/.vmunet-9-k.tmp"
            let child = Process()
            child.executableURL = URL(fileURLWithPath: "/bin/sh")
            child.arguments = ["-c", "exec 8>'\(path)'; flock 8 && echo locked && exec sleep 60"]
            let pipe = Pipe()
            child.standardOutput = pipe
            try child.run()
            #expect(String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self) == "locked\n")
            TemporaryFile.removeAbandoned(in: folder.path)
            #expect(try names(folder) == [".vmunet-9-k.tmp"])
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
            // Another name of the same folder, since a process cleans each only once.
            TemporaryFile.removeAbandoned(in: folder.path + "/.")
            #expect(try names(folder) == [])
        }
    }

    @Test func writesThroughLinks() throws {
        try withTemporaryFolder { folder in
            let (target, link) = (folder.appendingPathComponent("a"), folder.appendingPathComponent("b"))
            try Data("old".utf8).write(to: target)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: target)
            try AtomicFile.write(Array("new".utf8), to: link)
            #expect(try String(contentsOf: target, encoding: .utf8) == "new")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == target.path)
        }
    }

    @Test func namesFolderThatIsMissing() throws {
        try withTemporaryFolder { folder in
            let url = folder.appendingPathComponent("none/a.bin")
            let error = try #require(throws: FileError.self) { try AtomicFile.write([1], to: url) }
            #expect(error.kind == .unwritable && error.reason == "cannot be created: No such file or directory" && error.file == url.path)
        }
    }
}
