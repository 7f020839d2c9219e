import Foundation

/// The weights that come with the package.
public enum ShippedWeights {
    /// The environment variable that overrides them with a file's path.
    public static let variable = "VMUNET_WEIGHTS"
    static let file = "Weights/isic17.safetensors"
    /// How many folders above the executable to search: a build lies four below its package, an
    /// installed tool one.
    private static let levels = 6

    /// The file named by `VMUNET_WEIGHTS`, else `Weights/isic17.safetensors` in a folder above the
    /// executable; nil if there is none.
    ///
    /// A file named by the variable is not checked for existence; reading it reports what is wrong.
    public static func url(
        environment: [String: String] = ProcessInfo.processInfo.environment, executable: URL? = Bundle.main.executableURL
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
