import Files
import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Reads masks, and refuses those that would mislead the network.
package struct MaskReader: Sendable, Equatable {
    /// 1: binary masks. More: label images, values below this.
    package var classes: Int
    /// The label of unlabelled pixels, which the loss and the scores ignore.
    package var ignoredLabel: UInt8?
    /// The least foreground value of a binary mask, as a fraction of 255.
    package var threshold: Double

    /// `classes` from 1 to 256, `threshold` above 0 and below 1.
    package init(classes: Int = 1, ignoredLabel: UInt8? = nil, threshold: Double = 0.5) {
        precondition((1...256).contains(classes), "classes: expected 1…256, got \(classes)")
        self.classes = classes
        self.ignoredLabel = ignoredLabel
        self.threshold = threshold
    }

    /// A mask at its own size. Throws ``DataError``, which names the file, the fault and the
    /// remedy.
    package func read(_ url: URL) throws(DataError) -> Mask {
        let mask = classes == 1 ? try BinaryMask(url, ignoring: ignoredLabel, threshold: threshold).mask : try readLabels(url)
        if mask.traits.labels.count < 2, let alpha = try? PictureFile.readAlpha(url), Set(alpha.pixels).count > 1 {
            throw DataError(
                .uniformMask, path: url.path, "all its pixels have one colour, and its alpha channel differs: the mask lies in the alpha",
                remedy: "Save the alpha channel as a grey PNG.")
        }
        return mask
    }

    /// Several masks of one picture as one: a pixel has the first label that is not background.
    func read(_ urls: [URL]) throws(DataError) -> Mask {
        var united = try read(urls[0])
        for url in urls.dropFirst() {
            let mask = try read(url)
            guard (mask.picture.width, mask.picture.height) == (united.picture.width, united.picture.height) else {
                throw DataError(
                    .sizeMismatch, path: url.path,
                    "the mask is \(mask.picture.width)×\(mask.picture.height) pixels, the picture's first mask "
                        + "\(united.picture.width)×\(united.picture.height)",
                    remedy: "Each mask must have its picture's size; export or crop all alike.")
            }
            for i in united.picture.pixels.indices where united.picture.pixels[i] == 0 {
                united.picture.pixels[i] = mask.picture.pixels[i]
            }
            united.traits.grey += mask.traits.grey
        }
        guard urls.count > 1 else { return united }
        let grey = united.traits.grey
        united.traits = MaskTraits(Self.histogram(united.picture.pixels), ignoring: ignoredLabel)
        united.traits.grey = grey
        return united
    }

    private func readLabels(_ url: URL) throws(DataError) -> Mask {
        let picture: Picture
        do throws(PictureError) { picture = try PictureFile.readLabels(url) } catch { throw DataError(error, url) }
        let counts = Self.histogram(picture.pixels)
        let beyond = (classes..<256).filter { counts[$0] > 0 && UInt8($0) != ignoredLabel }
        guard beyond.isEmpty else { throw outOfRange(beyond, counts, url) }
        return Mask(picture: picture, traits: MaskTraits(counts, ignoring: ignoredLabel))
    }

    private func outOfRange(_ beyond: [Int], _ counts: [Int], _ url: URL) -> DataError {
        let shown = beyond.suffix(3).reversed().map { "\($0) (\(counted(counts[$0], "pixel")))" }.joined(separator: ", ")
        let used = (0..<256).filter { counts[$0] > 0 && UInt8($0) != ignoredLabel }
        let remedy =
            if used.allSatisfy({ $0 == 0 || $0 == 255 }) {
                "It looks like a binary mask: take weights of one class, or train with --classes 1."
            } else if beyond == [255] {
                "255 usually marks pixels that nobody labelled: set data.ignored_label (--ignored-label 255)."
            } else if used.count > 32 {
                "These are too many values for labels: save the mask as PNG, resized by nearest neighbour alone; JPEG changes labels."
            } else if used.count <= classes {
                "Its labels are \(used.map(String.init).joined(separator: ", ")): number them 0, 1, 2 and so on."
            } else {
                "Ask for at least \((beyond.last ?? 0) + 1) classes (--classes), or correct the mask."
            }
        return DataError(
            .labelOutOfRange, path: url.path, "with \(classes) classes labels are 0…\(classes - 1), this mask also holds \(shown)",
            remedy: remedy)
    }

    /// The frequency of each of 256 values.
    static func histogram(_ pixels: [UInt8]) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        pixels.withUnsafeBufferPointer { pixels in
            counts.withUnsafeMutableBufferPointer { counts in
                for value in pixels { counts[Int(value)] &+= 1 }
            }
        }
        return counts
    }
}

extension MaskTraits {
    /// The traits for these label frequencies.
    init(_ counts: [Int], ignoring ignored: UInt8?) {
        for (label, count) in counts.enumerated() where count > 0 {
            if let ignored, label == Int(ignored) {
                self.ignored = count
                continue
            }
            pixels += count
            if label > 0 { foreground += count }
            labels.append(label)
            pixelsOfLabels.append(count)
        }
    }
}

extension DataError {
    /// A picture that could not be read, in the picture reader's words.
    init(_ error: PictureError, _ url: URL) {
        self.init(
            .unreadable, path: url.path, error.problem,
            remedy: error.remedy.isEmpty ? "" : error.remedy.prefix(1).uppercased() + error.remedy.dropFirst() + ".")
    }
}
