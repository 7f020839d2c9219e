import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Decides which pixels of a mask file are foreground, for sets of one class.
///
/// Any two values are two classes: 0 and 255, 0 and 1, 0 and 128, two colours. More values come
/// from smoothing or JPEG and are cut at the threshold, unless they are labels: labels have
/// interiors, smoothing has none.
struct BinaryMask {
    private(set) var mask: Mask
    private let url: URL
    private let threshold: Double

    init(_ url: URL, ignoring ignored: UInt8?, threshold: Double) throws(DataError) {
        (self.url, self.threshold) = (url, threshold)
        let info = try? PictureFile.info(of: url)
        isJPEG = info?.format == .jpeg
        var picture: Picture
        do throws(PictureError) { picture = try PictureFile.read(url) } catch { throw DataError(error, url) }
        mask = Mask(picture: Picture(width: picture.width, height: picture.height, channels: 1), traits: MaskTraits())
        if picture.channels == 3 {
            switch try Self.paint(of: picture, url) {
            case .grey: picture = picture.grey
            case .colors(let colors):
                paint(picture, colors)
                return
            case .labels(let labels): picture = labels
            }
        }
        if info?.bits == 16, picture.channels == 1, let wide = try? PictureFile.fewWideValues(url), wide.values.count > 2,
            (1..<wide.values.count - 1).contains(where: { Self.hasInterior(wide.places, UInt8($0)) })
        {
            throw DataError(
                .greyMask, path: url.path,
                "one class is asked for, and this mask holds the 16-bit values \(wide.values.prefix(8).map(String.init).joined(separator: ", "))",
                remedy: "Where they are labels, number them 0, 1, 2 and so on and say how many there are (--classes \(wide.values.count)); "
                    + "a binary mask holds two values.")
        }
        if picture.pixels.allSatisfy({ $0 == 0 }), let labels = try? PictureFile.readLabels(url) {
            // 16-bit values are read by their high byte: 0 and 1, or 0 and 255, would all be 0.
            picture = labels
        }
        try cut(picture, ignoring: ignored)
    }

    // MARK: Grey values

    private mutating func cut(_ picture: Picture, ignoring ignored: UInt8?) throws(DataError) {
        var counts = MaskReader.histogram(picture.pixels)
        let left = ignored.map { counts[Int($0)] } ?? 0
        if let ignored { counts[Int(ignored)] = 0 }
        let used = (0..<256).filter { counts[$0] > 0 }
        let least: Int
        var grey = 0
        switch used.count {
        case 0: least = 256
        case 1: least = isJPEG ? 128 : 1  // all background, or all foreground whatever its value
        case 2 where !isLossyPair(used[0], used[1]): least = used[1]
        default:
            try refuseLabels(picture, used, counts, ignoring: ignored)
            least = max(1, Int((threshold * 255).rounded(.up)))
            grey = (1..<255).reduce(0) { $0 + counts[$1] }
            if let greatest = used.last, greatest < least, greatest >= 32 {
                throw DataError(
                    .greyMask, path: url.path, "its grey values end at \(greatest): cut at \(least), nothing would be foreground",
                    remedy:
                        "Lower data.mask_threshold (--mask-threshold \(Double(greatest * 100 / 510) / 100)), or save the mask as 0 and 255."
                )
            }
        }
        mask.picture.pixels = picture.pixels.map { value in
            if let ignored, value == ignored { return ignored }
            return Int(value) >= least ? 1 : 0
        }
        var traits = MaskTraits()
        traits.ignored = left
        traits.pixels = picture.pixels.count - left
        traits.foreground = used.filter { $0 >= least }.reduce(0) { $0 + counts[$1] }
        traits.grey = grey
        traits.labels = (traits.foreground < traits.pixels ? [0] : []) + (traits.foreground > 0 ? [1] : [])
        traits.pixelsOfLabels = [traits.pixels - traits.foreground, traits.foreground].filter { $0 > 0 }
        mask.traits = traits
    }

    /// Two close values at either end, which JPEG makes of one, are not two classes.
    private func isLossyPair(_ low: Int, _ high: Int) -> Bool { isJPEG ? high - low < 64 : low >= 128 && high - low < 16 }

    private let isJPEG: Bool

    /// Throws for a label map: few values, one of which fills areas although it is at neither end
    /// of the scale.
    private func refuseLabels(_ picture: Picture, _ used: [Int], _ counts: [Int], ignoring ignored: UInt8?) throws(DataError) {
        guard !isJPEG, used.count <= 16, let greatest = used.last else { return }
        let isUnit = greatest < 32
        let inner = used.filter { $0 > 0 && $0 < 255 && (isUnit || (8..<248).contains($0)) }
        let hasUnlabelled = greatest == 255 && used.dropLast().allSatisfy { $0 < 32 } && used.contains(1)
        guard isUnit || hasUnlabelled || inner.contains(where: { Self.hasInterior(picture, UInt8($0)) }) else { return }
        let shown = used.prefix(8).map(String.init).joined(separator: ", ") + (used.count > 8 ? ", …" : "")
        let labels = hasUnlabelled ? used.filter { $0 < 255 } : used
        let remedy =
            if hasUnlabelled, labels.allSatisfy({ $0 <= 1 }) {
                "255 usually marks pixels that nobody labelled: set data.ignored_label (--ignored-label 255)."
            } else if (labels.last ?? 0) < 32 {
                "Where they are labels, say how many classes there are (--classes \((labels.last ?? 1) + 1)"
                    + (hasUnlabelled ? " --ignored-label 255" : "") + "); a binary mask holds two values."
            } else {
                "Where they are labels, number them 0, 1, 2 and so on and say how many there are (--classes \(labels.count)); "
                    + "a binary mask holds two values."
            }
        throw DataError(
            .greyMask, path: url.path, "one class is asked for, and this mask holds the values \(shown)", remedy: remedy)
    }

    /// True if a pixel and its eight neighbours all have the value; a smoothed outline has no such
    /// pixel.
    private static func hasInterior(_ picture: Picture, _ value: UInt8) -> Bool {
        let (width, height) = (picture.width, picture.height)
        guard width > 2, height > 2 else { return false }
        return picture.pixels.withUnsafeBufferPointer { pixels in
            for y in 1..<height - 1 {
                var run = 0
                for x in 0..<width {
                    let at = y * width + x
                    let isColumn = pixels[at - width] == value && pixels[at] == value && pixels[at + width] == value
                    run = isColumn ? run + 1 : 0
                    if run == 3 { return true }
                }
            }
            return false
        }
    }

    // MARK: Colours

    private struct TwoColors {
        var background: Int
        var foreground: Int
    }

    /// The contents of a mask in colour.
    private enum Paint {
        case grey
        case colors(TwoColors)
        /// A palette's indices.
        case labels(Picture)
    }

    /// Two colours, or a palette's indices if there are more. Throws for more colours without a
    /// palette, which no rule could divide.
    private static func paint(of picture: Picture, _ url: URL) throws(DataError) -> Paint {
        var counts: [Int: Int] = [:]
        var spread = 0
        picture.pixels.withUnsafeBufferPointer { rgb in
            var last = (color: -1, count: 0)
            for i in 0..<rgb.count / 3 {
                let (red, green, blue) = (Int(rgb[3 * i]), Int(rgb[3 * i + 1]), Int(rgb[3 * i + 2]))
                let color = red << 16 | green << 8 | blue
                if color == last.color {
                    last.count += 1
                    continue
                }
                if last.count > 0, counts.count < 4096 { counts[last.color, default: 0] += last.count }
                last = (color, 1)
                spread = max(spread, max(red, green, blue) - min(red, green, blue))
            }
            if last.count > 0, counts.count < 4096 { counts[last.color, default: 0] += last.count }
        }
        // JPEG tints grey slightly.
        guard spread > 24 else { return .grey }
        let colors = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
        if colors.count == 1 { return .colors(TwoColors(background: 0, foreground: colors[0])) }
        guard colors.count == 2 else {
            if let labels = try? PictureFile.readLabels(url) { return .labels(labels) }
            throw DataError(
                .greyMask, path: url.path,
                "this mask is painted in \(counts.count < 4096 ? "\(counts.count)" : "thousands of") colours "
                    + "(\(colors.prefix(3).map(hex).joined(separator: ", "))…)",
                remedy: "Save it as a grey PNG whose values are 0 and 255, or the labels' numbers; two colours are taken as two classes.")
        }
        // Paint usually stands on black, or else on white; otherwise take the brighter colour.
        let (a, b) = (colors[0], colors[1])
        let background = [0, 0xFFFFFF].first { $0 == a || $0 == b } ?? (luma(a) < luma(b) ? a : b)
        return .colors(TwoColors(background: background, foreground: background == a ? b : a))
    }

    private mutating func paint(_ picture: Picture, _ colors: TwoColors) {
        let (red, green, blue) = (UInt8(colors.foreground >> 16), UInt8(colors.foreground >> 8 & 0xFF), UInt8(colors.foreground & 0xFF))
        mask.picture.pixels = (0..<picture.width * picture.height).map { i in
            picture.pixels[3 * i] == red && picture.pixels[3 * i + 1] == green && picture.pixels[3 * i + 2] == blue ? 1 : 0
        }
        mask.traits = MaskTraits(MaskReader.histogram(mask.picture.pixels), ignoring: nil)
        mask.traits.color = Self.hex(colors.foreground)
    }

    private static func hex(_ color: Int) -> String {
        let digits = String(color, radix: 16, uppercase: true)
        return "#" + String(repeating: "0", count: 6 - digits.count) + digits
    }

    private static func luma(_ color: Int) -> Int { 299 * (color >> 16) + 587 * (color >> 8 & 0xFF) + 114 * (color & 0xFF) }
}
