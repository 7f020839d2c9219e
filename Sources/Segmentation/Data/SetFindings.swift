import Files

/// The contents of a set's masks, counted when they are verified and reported before anything is
/// trained or scored.
package struct SetFindings: Sendable, Equatable {
    /// Masks that were read.
    package private(set) var masks = 0
    /// Names of the pictures whose masks have no foreground, such as healthy ones.
    package private(set) var empty: [String] = []
    /// Names of the pictures whose masks are all foreground.
    package private(set) var full: [String] = []
    /// Binary masks with values between their two; their number of such pixels, and of all pixels.
    package private(set) var grey = (masks: 0, pixels: 0, of: 0)
    /// The number of binary masks painted in two colours, by the foreground's colour.
    package private(set) var colors: [String: Int] = [:]
    /// Unlabelled pixels, and the masks that have some.
    package private(set) var ignored = (masks: 0, pixels: 0)
    /// Pictures taken as stored, because their masks fit only so.
    package private(set) var takenAsStored = 0
    /// The pixels of each label that occurs.
    package private(set) var pixelsOfLabels: [Int: Int] = [:]
    /// Pixels of the foreground, and all that count.
    package private(set) var foreground = (pixels: 0, of: 0)

    /// No findings yet.
    package init() {}

    /// Adds a mask.
    package mutating func add(_ traits: MaskTraits, name: String) {
        masks += 1
        if traits.isEmpty { empty.append(name) }
        if traits.isFull { full.append(name) }
        if traits.grey > 0 { grey = (grey.masks + 1, grey.pixels + traits.grey, grey.of + traits.pixels) }
        if traits.fitsAsStored { takenAsStored += 1 }
        if let color = traits.color { colors[color, default: 0] += 1 }
        if traits.ignored > 0 { ignored = (ignored.masks + 1, ignored.pixels + traits.ignored) }
        for (label, count) in zip(traits.labels, traits.pixelsOfLabels) { pixelsOfLabels[label, default: 0] += count }
        foreground = (foreground.pixels + traits.foreground, foreground.of + traits.pixels)
    }

    /// The labels that occur.
    package var labels: Set<Int> { Set(pixelsOfLabels.keys) }

    /// True if there is nothing to learn: no foreground in any mask, or nothing but foreground of
    /// one class.
    package var isUniform: Bool { masks > 0 && (foreground.pixels == 0 || (full.count == masks && labels.count < 2)) }

    /// Notes about the set for the user, a line each.
    package func notes(classes: Int, threshold: Double) -> [String] {
        var lines: [String] = []
        if !empty.isEmpty {
            lines.append(
                "\(Self.share(empty.count, of: masks, "is", "are")) empty, as of healthy pictures: they count in the pooled scores; "
                    + "a picture that is empty and found empty is left out of the mean over pictures")
        }
        if classes == 1, !full.isEmpty { lines.append("\(counted(full.count, "mask is", "masks are")) foreground everywhere") }
        if grey.masks > 0 {
            let share = Double(grey.pixels) / Double(max(grey.of, 1)) * 100
            lines.append(
                "\(Self.share(grey.masks, of: masks, "holds", "hold")) grey values (\(fixedPoint(share, digits: 1)) % of their pixels), cut at "
                    + "\(fixedPoint(threshold, digits: 2)) of white: data.mask_threshold changes that")
        }
        if takenAsStored > 0 {
            lines.append(
                "\(counted(takenAsStored, "picture is", "pictures are")) taken as stored, not as the EXIF orientation says: "
                    + "only so does the mask fit")
        }
        for (color, count) in colors.sorted(by: { $0.key < $1.key }) {
            lines.append("\(counted(count, "mask is", "masks are")) painted in two colours: \(color) is taken as the foreground")
        }
        if ignored.masks > 0 {
            lines.append("\(Self.share(ignored.masks, of: masks, "has", "have")) pixels that nobody labelled: they count nowhere")
        }
        if classes > 1 { lines += Self.unseen(labels, classes: classes, where: "mask") }
        return lines
    }

    private static func share(_ count: Int, of masks: Int, _ one: String, _ many: String) -> String {
        "\(count) of \(counted(masks, "mask")) \(count == 1 ? one : many)"
    }

    /// A line that names the labels that never occur, if there are any.
    static func unseen(_ labels: Set<Int>, classes: Int, where place: String) -> [String] {
        let missing = (0..<max(classes, 1)).filter { !labels.contains($0) }
        // If nothing could be read, nothing is known to be missing.
        guard !missing.isEmpty, !labels.isEmpty else { return [] }
        let names = missing.prefix(12).map(String.init).joined(separator: ", ") + (missing.count > 12 ? ", …" : "")
        return [
            "label\(missing.count == 1 ? "" : "s") \(names) of \(classes) classes \(missing.count == 1 ? "is" : "are") in no \(place): "
                + "number the labels that there are 0, 1, 2 and so on, or ignore this if others have them"
        ]
    }

    /// Equal if all counts are.
    package static func == (a: SetFindings, b: SetFindings) -> Bool {
        a.masks == b.masks && a.empty == b.empty && a.full == b.full && a.grey == b.grey && a.colors == b.colors
            && a.takenAsStored == b.takenAsStored && a.ignored == b.ignored && a.foreground == b.foreground
            && a.pixelsOfLabels == b.pixelsOfLabels
    }
}

extension FileCensus {
    /// Without the files that systems and archives leave beside pictures.
    var withoutNotes: FileCensus {
        filtered { !["db", "ini", "txt", "csv", "tsv", "json", "md", "xml", "yaml", "yml", "html", "pdf", "log"].contains($0) }
    }
}
