import Files

extension FileSignature {
    /// The first bytes of a zip archive.
    static let zip: [UInt8] = Array("PK\u{3}\u{4}".utf8)

    /// The error for a file that is not `expected`, naming what it seems to be. `remedy` is for
    /// kinds without a remedy of their own.
    static func refusal(_ head: [UInt8], size: Int, expected: String, remedy: String = "give the file of weights") -> Fault {
        let signature = of(head, size: size)
        return Fault(.wrongFormat, "is \(signature.name), not \(expected)", remedy: signature.advice.isEmpty ? remedy : signature.advice)
    }
}
