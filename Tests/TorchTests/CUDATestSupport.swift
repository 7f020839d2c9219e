import Foundation
import TestSupport

/// A kernel's entry in NVRTC's verbose log.
struct CompiledKernel {
    let name: String
    let registers: Int
    let spilledBytes: Int

    static func all(in log: String) -> [CompiledKernel] {
        log.matches(of: /entry function '(\w+)'[\s\S]*?(\d+) bytes spill stores[\s\S]*?Used (\d+) registers/).map {
            CompiledKernel(name: String($0.1), registers: Int($0.3) ?? .max, spilledBytes: Int($0.2) ?? .max)
        }
    }
}

/// The emulations in Tests/CUDAEmulation with the same source texts that NVRTC gets.
enum CUDAEmulation {
    static let isPossible = (try? runProgram(URL(filePath: "/usr/bin/env"), ["clang++", "--version"])) != nil

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Compiles an emulation; nil if that fails. `texts` maps the macro that includes a file of
    /// kernels to that file, whose raw string loses its first and last line. `sources` are further
    /// files. Without optimisation, reads of unused values are performed, as NVRTC does.
    static func build(_ emulation: String, texts: [String: String], with sources: [String] = [], isOptimized: Bool = true) -> URL? {
        let folder = FileManager.default.temporaryDirectory.appending(path: "vmunet-emulation-\(UUID().uuidString)")
        let program = folder.appending(path: "emulate")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var arguments = ["clang++", "-std=c++17", isOptimized ? "-O1" : "-O0", "-Wno-everything"]
            for (macro, file) in texts {
                let lines = try String(contentsOf: root.appending(path: "Sources/CTorch/CUDA/\(file)"), encoding: .utf8)
                    .trimmingCharacters(in: .newlines).split(separator: "\n", omittingEmptySubsequences: false)
                let text = folder.appending(path: file.replacing("/", with: "_"))
                try Data(lines.dropFirst().dropLast().joined(separator: "\n").utf8).write(to: text)
                arguments.append("-D\(macro)=\"\(text.path)\"")
            }
            arguments += (["Tests/CUDAEmulation/\(emulation)"] + sources).map { root.appending(path: $0).path }
            _ = try runProgram(URL(filePath: "/usr/bin/env"), arguments + ["-o", program.path])
            return program
        } catch {
            return nil
        }
    }
}
