import Foundation

/// The weights that come with the package, for users who have none of their own.
public enum ShippedWeights {
    /// Overrides them: a file's path.
    public static let variable = "VMUNET_WEIGHTS"
    static let file = "Weights/isic17.safetensors"
    /// Folders above the executable that are looked into: a build lies four below its package, an installed tool one.
    private static let levels = 6

    /// The file that `VMUNET_WEIGHTS` names; else `Weights/isic17.safetensors` in a folder above the executable; nil where there is none.
    ///
    /// A file that the variable names is not looked for: reading it says what is wrong.
    public static func url(
        environment: [String: String] = ProcessInfo.processInfo.environment, executable: URL? = Bundle.main.executableURL
    ) -> URL? {
        if let path = environment[variable], !path.isEmpty { return URL(filePath: path) }
        guard var folder = executable?.resolvingSymlinksInPath().deletingLastPathComponent() else { return nil }
        for _ in 0..<levels {
            let candidate = folder.appending(path: file)
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate }
            // Nothing above the package itself is its own.
            if FileManager.default.fileExists(atPath: folder.appending(path: "Package.swift").path) || folder.path == "/" { return nil }
            folder = folder.deletingLastPathComponent()
        }
        return nil
    }
}
