/// The encoding of a file's attributes and pixels, by the UID in its head.
public struct TransferSyntax: Sendable, Equatable {
    /// Its UID, such as 1.2.840.10008.1.2.1.
    public let uid: String

    /// True if attributes carry their value representation.
    var isExplicit: Bool { uid != "1.2.840.10008.1.2" }
    var isBigEndian: Bool { uid == "1.2.840.10008.1.2.2" }
    /// True if everything after the head is one deflate stream.
    var isDeflated: Bool { uid == "1.2.840.10008.1.2.1.99" }

    enum Pixels {
        case native
        case runLength
        /// JPEG, JPEG-LS, JPEG 2000, decoded in a separate process.
        case packed
        case film
    }

    var pixels: Pixels {
        switch uid {
        case "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99": .native
        case "1.2.840.10008.1.2.5": .runLength
        default: uid.hasPrefix("1.2.840.10008.1.2.4.10") && !["1.2.840.10008.1.2.4.10"].contains(uid) ? .film : .packed
        }
    }

    /// Its usual name.
    var name: String {
        switch uid {
        case "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51": "JPEG"
        case "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70": "JPEG lossless"
        case "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81": "JPEG-LS"
        case "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93": "JPEG 2000"
        case "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203": "high-throughput JPEG 2000"
        case "1.2.840.10008.1.2.5": "RLE"
        default: "transfer syntax \(uid.prefix(64))"
        }
    }

    /// True if pixels may differ from the scanner's.
    var isLossy: Bool { ["50", "51", "81", "91", "93", "203"].contains { uid == "1.2.840.10008.1.2.4.\($0)" } }
}
