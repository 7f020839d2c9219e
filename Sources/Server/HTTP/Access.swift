import Files
import HTTPTypes
import Hummingbird
import NIOCore
import TensorFiles

/// The tokens that grant access. Without tokens, anyone who reaches the server has access.
package struct Access: Sendable {
    /// SHA-256 of each token, in hexadecimal: equally long, so that comparing reveals no token's
    /// length.
    private let digests: [[UInt8]]

    /// The names besides addresses and `localhost` by which an open server may be asked.
    private let names: Set<String>

    /// - Throws: ``BadToken`` for a token that can be guessed.
    package init(tokens: [String], names: [String] = []) throws {
        self.names = Set(names.map { $0.lowercased() })
        for (line, token) in tokens.enumerated() where token.utf8.count < Self.shortest { throw BadToken(line: line + 1) }
        digests = tokens.map { Array(SHA256.hexadecimal(of: Array($0.utf8)).utf8) }
    }

    /// The fewest bytes of a token.
    package static let shortest = 16

    var isOpen: Bool { digests.isEmpty }

    /// True unless a web page of another site may be behind a request: without tokens, such a page
    /// could let its own name lead to this machine and read everything (DNS rebinding). It cannot do
    /// so with an address.
    func admits(_ authority: String?) -> Bool {
        guard isOpen, let authority = authority?.lowercased(), !authority.isEmpty else { return true }
        let isBracketed = authority.hasPrefix("[")
        let host = isBracketed ? authority.prefix { $0 != "]" }.dropFirst() : authority.prefix { $0 != ":" }
        return host == "localhost" || names.contains(String(host)) || (try? SocketAddress(ipAddress: String(host), port: 0)) != nil
    }

    /// The mark of the token in an `Authorization` field: the first 12 digits of its SHA-256. Nil
    /// for an unknown token.
    ///
    /// Every digest is compared whole, so the time does not reveal where they differ.
    func mark(_ authorization: String?) -> String? {
        guard let authorization, authorization.utf8.count < 4096, authorization.lowercased().hasPrefix("bearer ") else { return nil }
        let given = Array(SHA256.hexadecimal(of: Array(authorization.dropFirst(7).utf8)).utf8)
        var isKnown = false
        for digest in digests {
            let difference = zip(digest, given).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            isKnown = isKnown || (difference == 0 && digest.count == given.count)
        }
        return isKnown ? String(decoding: given.prefix(12), as: UTF8.self) : nil
    }
}

/// A token that is too short to be a secret.
struct BadToken: UserError {
    let line: Int
    var subject: String { "token \(line)" }
    var problem: String { "has fewer than \(Access.shortest) characters" }
    var remedy: String { "make one with: openssl rand -hex 32" }
    var category: UserErrorCategory { .usage }
}

/// Refuses requests without a valid token, if the server has tokens.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = ServerContext
    let access: Access

    /// Paths without anybody's data: a page must load before a token can be typed, and monitors
    /// have none.
    private static func isPublic(_ path: String) -> Bool { !path.hasPrefix("/v1/") && path != "/metrics" }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard access.admits(request.head.authority) else {
            throw Problem(
                .init(code: 421, reasonPhrase: "Misdirected Request"), "this server does not go by that name",
                remedy: "ask for it by its address, or start it with --name NAME")
        }
        guard !access.isOpen, !Self.isPublic(request.uri.path) else { return try await next(request, context) }
        guard let mark = access.mark(request.headers[.authorization]) else {
            guard request.headers[.authorization] == nil else {
                throw Problem(.unauthorized, "this server does not know the token", remedy: "ask whoever runs the server for a valid one")
            }
            throw Problem(.unauthorized, "a token is needed", remedy: "send it as 'Authorization: Bearer TOKEN'")
        }
        var context = context
        (context.client, context.owner) = (mark, mark)
        return try await next(request, context)
    }
}
