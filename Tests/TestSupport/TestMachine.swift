import Foundation

/// Data that a machine may have for tests; those that need it are skipped elsewhere.
package enum TestMachine {
    /// Real data sets (`VMUNET_TEST_DATA`).
    package static let data = folder("VMUNET_TEST_DATA")
    /// Golden cases too large for the repository (`VMUNET_FIXTURES`).
    package static let fixtures = folder("VMUNET_FIXTURES")

    /// A data set of ``data``; nil if the machine does not have it.
    package static func data(_ path: String) -> URL? {
        data.map { $0.appending(path: path) }.flatMap { FileManager.default.fileExists(atPath: $0.path) ? $0 : nil }
    }

    private static func folder(_ variable: String) -> URL? { named(variable).map { URL(filePath: $0) } }

    fileprivate static func named(_ variable: String) -> String? {
        ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// The Python that tests compare with (`VMUNET_PYTHON`), with the packages of
/// `Tests/requirements.txt`.
package enum Python {
    private static let interpreter = TestMachine.named("VMUNET_PYTHON").map { URL(filePath: $0) }

    package static var isAvailable: Bool { interpreter != nil }

    /// Runs a script with `arguments` in `sys.argv[1:]` and returns its standard output.
    @discardableResult
    package static func run(_ script: String, _ arguments: [String] = [], in folder: URL? = nil) throws -> String {
        try start(["-c", script] + arguments, in: folder)
    }

    /// Runs a script's file.
    @discardableResult
    package static func run(file: URL, _ arguments: [String] = []) throws -> String { try start([file.path] + arguments, in: nil) }

    private static func start(_ arguments: [String], in folder: URL?) throws -> String {
        guard let interpreter else { throw ProgramFailed(status: 127, errors: "VMUNET_PYTHON is not set") }
        // The library path is this process's libtorch: Python finds its own.
        return try runProgram(interpreter, arguments, in: folder, without: "LD_LIBRARY_PATH")
    }
}

/// A program that did not exit with 0, and its standard error.
package struct ProgramFailed: Error, CustomStringConvertible {
    package let status: Int32
    package let errors: String
    package var description: String { "exit code \(status): \(errors)" }
}

/// Runs a program and returns its standard output, with `takesErrors` its standard error too.
/// `variable` is left out of its environment.
@discardableResult
package func runProgram(
    _ program: URL, _ arguments: [String], in folder: URL? = nil, without variable: String? = nil, takesErrors: Bool = false
) throws -> String {
    try withTemporaryFolder { scratch in
        // A file takes any number of errors; a second pipe could fill while the first is read.
        let errors = scratch.appending(path: "errors")
        try Data().write(to: errors)
        let process = Process(), output = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.currentDirectoryURL = folder
        if let variable { process.environment = ProcessInfo.processInfo.environment.filter { $0.key != variable } }
        process.standardOutput = output
        if takesErrors { process.standardError = output } else { process.standardError = try FileHandle(forWritingTo: errors) }
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ProgramFailed(status: process.terminationStatus, errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
        }
        return text
    }
}

/// Runs `body` with a folder of its own, which is removed afterwards.
package func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appending(path: "vmunet-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}
