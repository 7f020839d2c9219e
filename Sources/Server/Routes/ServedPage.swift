import Commands
import Foundation
import HTTPTypes
import Hummingbird

/// The page's files, each under its path.
package struct ServedPage: Sendable {
    private var files: [String: URL] = [:]

    package init() {}

    /// Writes the page with these weights into `folder`, to be served from there. Nil if the page's
    /// files are not beside the program.
    package init?(weights: URL, in folder: URL) throws {
        guard let page = PageFiles.find(), let own = PageFiles.folder(with: "server.html", at: ["Sources/Server/Page", "server-page"])
        else { return nil }
        try page.write(to: folder, weights: weights, server: "server.html")
        for place in [folder, own] {
            for name in try FileManager.default.subpathsOfDirectory(atPath: place.path) where Self.types[Self.ending(name)] != nil {
                files["/" + name] = place.appending(path: name)
            }
        }
        files["/"] = folder.appending(path: "index.html")
    }

    private static func ending(_ name: String) -> String { String(name.split(separator: ".").last ?? "") }

    private static let types = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "json": "application/json", "svg": "image/svg+xml", "jpg": "image/jpeg", "wasm": "application/wasm",
        "safetensors": "application/octet-stream",
    ]

    func add(to routes: RouteTable) {
        for (path, file) in files {
            let type = Self.types[Self.ending(file.lastPathComponent)] ?? "application/octet-stream"
            routes.add(
                RouterPath(path),
                [
                    .get: { _, _ in
                        var response = try await FileAnswer.response(file, type: type)
                        response.headers[.cacheControl] = "no-cache"
                        return response
                    }
                ])
        }
    }
}
