import Foundation
import Synchronization

/// The process that reads and segments one job's volume. A damaged or hostile file can end it, but
/// not the server.
final class JobProcess: Sendable {
    private struct State {
        var process: Foundation.Process?
        var isEnded = false
    }

    /// The end of the process.
    enum Outcome: Equatable {
        /// By itself, with this code.
        case exit(Int32)
        /// By a signal that was not ours.
        case crash
        /// By ``end()``.
        case ended
    }

    private let state = Mutex(State())

    /// Runs `program job FOLDER`, passes its notices on, and returns its outcome. Its input stays
    /// open until then; it exits when that closes, so it never outlives this process.
    func run(_ program: URL, folder: URL, tell: @escaping @Sendable (WorkNotice) async -> Void) async throws -> Outcome {
        let process = Foundation.Process(), input = Pipe(), output = Pipe()
        process.executableURL = program
        process.arguments = ["job", folder.path]
        process.environment = ProcessInfo.processInfo.environment.merging(["OMP_WAIT_POLICY": "PASSIVE"]) { $1 }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        let (lines, feed) = AsyncStream.makeStream(of: WorkNotice.self, bufferingPolicy: .bufferingNewest(64))
        let isEnded = try state.withLock { state in
            guard !state.isEnded else { return true }
            try process.run()
            state.process = process
            return false
        }
        guard !isEnded else { return .ended }
        let reading = output.fileHandleForReading
        DispatchQueue.global(qos: .utility).async {
            var rest: [UInt8] = []
            while case let data = reading.availableData, !data.isEmpty {
                rest += data
                // A notice is short; anything else is not ours.
                if rest.count > 1 << 16 { rest = [] }
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    if let notice = try? JSONDecoder().decode(WorkNotice.self, from: Data(rest[..<end])) { feed.yield(notice) }
                    rest.removeFirst(end + 1)
                }
            }
            process.waitUntilExit()
            feed.finish()
        }
        for await notice in lines { await tell(notice) }
        process.waitUntilExit()
        withExtendedLifetime(input) {}
        if state.withLock({ $0.isEnded }) { return .ended }
        return process.terminationReason == .exit ? .exit(process.terminationStatus) : .crash
    }

    /// Ends it at once.
    func end() {
        state.withLock { state in
            state.isEnded = true
            if let process = state.process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
    }
}

/// A line from a job's process to its server.
struct WorkNotice: Codable, Sendable {
    var slices: Int?
    var done: Int?
    /// The problem with the file, and the way out.
    var problem: String?
    var remedy: String?
    /// True if the problem is the disk, not the file.
    var isDiskFull: Bool?
}
