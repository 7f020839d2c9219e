import Files
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Answers with a file, a piece at a time, so that a large one takes no memory.
enum FileAnswer {
    private static let piece = 1 << 18

    /// `name` is the file name that a browser suggests.
    static func response(_ url: URL, type: String, name: String? = nil) async throws -> Response {
        guard let file = try? FileHandle(forReadingFrom: url), let size = try? Int(file.seekToEnd()), (try? file.seek(toOffset: 0)) != nil
        else { throw Problem.notFound }
        var response = Response(
            status: .ok, headers: [.contentType: type],
            body: ResponseBody(contentLength: size) { writer in
                defer { try? file.close() }
                var left = size
                while left > 0, let data = try file.read(upToCount: min(piece, left)), !data.isEmpty {
                    left -= data.count
                    try await writer.write(ByteBuffer(bytes: data))
                }
                try await writer.finish(nil)
            })
        if let name { response.headers[.contentDisposition] = "attachment; filename=\"\(name)\"" }
        return response
    }
}
