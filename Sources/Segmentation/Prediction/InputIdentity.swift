import DICOM
import Files
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Tells an input from all others, however its path is typed: two patients' files may have one
/// name, and one file many spellings.
///
/// Both parts are hashes, because tables of results are passed on and real paths may name people.
package struct InputIdentity: Sendable, Hashable, Codable {
    /// The hash of the real path, with the UID of a DICOM series.
    package let place: String
    /// The hash of the files' sizes, dates of change, and a sample of their bytes.
    package let state: String

    /// The identity of an input as it is now.
    package init(_ item: InputList.Item) {
        place = Self.place(item)
        let files = (item.series?.files ?? [item.url]) + item.channels
        state = Self.hash(files.map(Self.state))
    }

    /// The identity of an input at a place that nobody has looked at yet.
    package init(place: String) { (self.place, state) = (place, "") }

    /// The hash of an input's real path.
    package static func place(_ item: InputList.Item) -> String {
        hash([Array((FolderListing.target(item.url) + "\0" + (item.series?.uid ?? "")).utf8)])
    }

    private static let samples = 8
    private static let sampleSize = 4096

    /// A damaged copy, or another patient's file of equal size and date, differs in some sample: the
    /// last ends with the file, where compressed ones have their checksums.
    private static func state(_ url: URL) -> [UInt8] {
        guard let file = try? FileReader(url) else { return [0] }
        var bytes = Array("\(file.size) \(file.changed.seconds) \(file.changed.nanoseconds) ".utf8)
        let length = min(sampleSize, file.size)
        for sample in 0..<(file.size > sampleSize ? samples : 1) {
            let offset = (file.size - length) / (samples - 1) * sample
            let start = sample == samples - 1 ? file.size - length : offset
            bytes += (try? file.read(at: start, count: length, "the sample")) ?? [0]
        }
        return bytes
    }

    /// Half of the SHA-256 of some parts, in hexadecimal.
    private static func hash(_ parts: [[UInt8]]) -> String {
        var hash = SHA256()
        for part in parts {
            let marked = Array("\(part.count) ".utf8) + part
            marked.withUnsafeBytes { hash.update($0) }
        }
        return String(hash.finished().prefix(32))
    }
}
