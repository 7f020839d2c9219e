import Files

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The weights that the tools use by default: a file beside them, so that it can be read and
/// replaced.
package enum InstalledWeights {
    /// Overrides it: a file's path.
    package static let variable = "VMUNET_WEIGHTS"
    static let file = "Weights/isic17.safetensors"
    /// The number of folders above the executable to search: a build lies four below its package,
    /// an installed tool one.
    private static let levels = 6

    /// The file named by `VMUNET_WEIGHTS`, else `Weights/isic17.safetensors` in a folder above the
    /// executable; nil if there is none.
    ///
    /// The variable's file is not checked here: reading it reports any fault.
    package static func url(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: URL? = executablePath().map { URL(filePath: $0) }
    ) -> URL? {
        if let path = environment[variable], !path.isEmpty { return URL(filePath: path) }
        guard var folder = executable?.resolvingSymlinksInPath().deletingLastPathComponent() else { return nil }
        for _ in 0..<levels {
            let candidate = folder.appending(path: file)
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
            // Folders above the package are not its own.
            if FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) || folder.path == "/" { return nil }
            folder = folder.deletingLastPathComponent()
        }
        return nil
    }
}
