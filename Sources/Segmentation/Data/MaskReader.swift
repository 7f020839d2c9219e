import Foundation
import Imaging

/// Reads masks and refuses those that would teach the network nonsense.
public struct MaskReader: Sendable, Equatable {
    /// 1: binary masks, 0 and 255 or 0 and 1. More: label images, values below this.
    public var classes: Int
    /// A label at or above `classes` that is let through, for pixels that nobody labelled.
    public var ignoredLabel: UInt8?
    /// Let masks through that are all one value, such as pictures without a lesion. They are refused otherwise, because most often they are damage.
    public var allowsUniformMasks: Bool

    /// `classes` from 1 to 256.
    public init(classes: Int = 1, ignoredLabel: UInt8? = nil, allowsUniformMasks: Bool = false) {
        precondition((1...256).contains(classes), "classes: expected 1…256, got \(classes)")
        self.classes = classes
        self.ignoredLabel = ignoredLabel
        self.allowsUniformMasks = allowsUniformMasks
    }

    /// A mask at its own size, one channel: 0 and 1 for binary masks, otherwise labels.
    ///
    /// Throws ``DataError`` that names the file, the value and how many pixels have it.
    public func read(_ url: URL) throws(DataError) -> Picture {
        classes == 1 ? try readBinary(url) : try readLabels(url)
    }

    private func readBinary(_ url: URL) throws(DataError) -> Picture {
        var mask = try reading(url) { () throws(PictureError) in try PictureFile.read(url, channels: 1) }
        var counts = Self.histogram(mask.pixels)
        if Self.greyValue(counts) != nil, let labels = try? PictureFile.readLabels(url) {
            // A palette may show the two labels in any colours.
            let labelCounts = Self.histogram(labels.pixels)
            if Self.greyValue(labelCounts) == nil { (mask, counts) = (labels, labelCounts) }
        }
        if let grey = Self.greyValue(counts) {
            throw DataError(
                .greyMask, path: url.path,
                "a binary mask holds 0 and 255 (or 0 and 1), this one also \(grey) (\(Self.pixels(counts[grey])))",
                remedy: "Save the mask without smoothing, as PNG rather than JPEG; for a label image say how many classes there are.")
        }
        try checkUniform(counts, url)
        for i in mask.pixels.indices { mask.pixels[i] = mask.pixels[i] == 0 ? 0 : 1 }
        return mask
    }

    private func readLabels(_ url: URL) throws(DataError) -> Picture {
        let mask = try reading(url) { () throws(PictureError) in try PictureFile.readLabels(url) }
        let counts = Self.histogram(mask.pixels)
        if let label = (classes..<256).last(where: { counts[$0] > 0 && UInt8($0) != ignoredLabel }) {
            throw DataError(
                .labelOutOfRange, path: url.path,
                "with \(classes) classes labels are 0…\(classes - 1), this mask also holds \(label) (\(Self.pixels(counts[label])))",
                remedy: label == 255 && counts[1..<255].allSatisfy { $0 == 0 }
                    ? "It looks like a binary mask: ask for one class." : "Ask for at least \(label + 1) classes, or correct the mask.")
        }
        try checkUniform(counts, url)
        return mask
    }

    private func checkUniform(_ counts: [Int], _ url: URL) throws(DataError) {
        guard !allowsUniformMasks, counts.count(where: { $0 > 0 }) == 1, let value = counts.firstIndex(where: { $0 > 0 }) else { return }
        throw DataError(
            .uniformMask, path: url.path, "every pixel of this mask is \(value)",
            remedy: "Correct the mask, or take the pair out of the set.")
    }

    private func reading(_ url: URL, _ body: () throws(PictureError) -> Picture) throws(DataError) -> Picture {
        do { return try body() } catch { throw DataError(error, url) }
    }

    /// The most frequent value that neither 0 and 255 nor 0 and 1 explain.
    private static func greyValue(_ counts: [Int]) -> Int? {
        let isUnit = counts[2...].allSatisfy { $0 == 0 }
        if isUnit { return nil }
        return (1..<255).filter { counts[$0] > 0 }.max { counts[$0] < counts[$1] }
    }

    /// How often each of 256 values occurs.
    static func histogram(_ pixels: [UInt8]) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        pixels.withUnsafeBufferPointer { pixels in
            counts.withUnsafeMutableBufferPointer { counts in
                for value in pixels { counts[Int(value)] &+= 1 }
            }
        }
        return counts
    }

    private static func pixels(_ count: Int) -> String { count == 1 ? "1 pixel" : "\(count) pixels" }
}

extension DataError {
    /// A picture that could not be read, with the picture reader's own words.
    init(_ error: PictureError, _ url: URL) {
        // The reader's description begins with the path and ends with the way out.
        let words = error.description
        let prefix = url.path + ": "
        self.init(.unreadable, path: url.path, words.hasPrefix(prefix) ? String(words.dropFirst(prefix.count)) : words, remedy: "")
    }
}
