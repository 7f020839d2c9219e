import Imaging
import Segmentation

/// A picture of a data set with its truth and the runs' predictions, drawn for a page.
struct ReportPicture {
    /// RGB, at the displayed size.
    let picture: Picture
    /// Labels, of equal size; 0 is background.
    let truth: Picture
    private let isBinary: Bool

    /// Pixels of the longer side on the page.
    static let side = 320
    private static let truthColor: LabelColors.Color = (240, 228, 66)
    private static let foundColor: LabelColors.Color = (86, 180, 233)

    /// - Parameter original: the file's own picture; if nil, the network's input planes, stretched
    ///   to 0…255.
    init(_ sample: Sample, original: Picture?) {
        let source = original.map { ($0.height, $0.width) } ?? (sample.height, sample.width)
        let longer = max(source.0, source.1)
        let to = (height: max(1, source.0 * Self.side / longer), width: max(1, source.1 * Self.side / longer))
        if let original, longer > Self.side {
            let small = Resize.thumbnail(original, fitting: Self.side).rgb
            picture = small
        } else {
            picture = Self.picture(original.map(Self.planes) ?? sample.image, (source.0, source.1), to)
        }
        let from = (height: sample.height, width: sample.width)
        switch sample.target {
        case .binary(let plane):
            isBinary = true
            truth = Self.mask(plane, threshold: 0.5, from: from, to: (picture.height, picture.width))
        case .labels(let plane):
            isBinary = false
            truth = Self.labels(plane, from: from, to: (picture.height, picture.width))
        }
    }

    private func mask(_ finding: Answer, threshold: Float, _ from: (height: Int, width: Int)) -> Picture {
        switch finding {
        case .foreground(let plane):
            Self.mask(plane, threshold: threshold, from: from, to: (picture.height, picture.width))
        case .labels(let plane): Self.labels(plane, from: from, to: (picture.height, picture.width))
        }
    }

    // MARK: - Tiles

    func plain(_ caption: String = "picture") throws -> ReportContent.Tile { try tile(picture, caption) }

    func truthTile(_ caption: String = "truth") throws -> ReportContent.Tile { try tile(truthDrawn(), caption) }

    /// The picture with the truth's outline, or its classes in their colours.
    func truthDrawn() throws -> Picture {
        try isBinary
            ? Overlay.outline(truth, on: picture, color: Self.truthColor, lineWidth: 3) : Overlay.draw(truth, on: picture, lineWidth: 2)
    }

    /// For a binary set, both outlines; the truth's is wider, so it shows where they agree. For
    /// several classes, the predicted classes in their colours.
    func found(_ finding: Answer, threshold: Float, size: (height: Int, width: Int), caption: String = "prediction") throws
        -> ReportContent.Tile
    {
        let mask = mask(finding, threshold: threshold, size)
        let caption = caption + (mask.pixels.contains { $0 != 0 } ? "" : ": nothing found")
        return try tile(foundDrawn(mask), caption)
    }

    /// A map of the network's uncertainty, 0…255 for each pixel: darker is surer.
    func uncertainty(_ map: [UInt8], size: (height: Int, width: Int)) throws -> ReportContent.Tile {
        let to = (height: picture.height, width: picture.width)
        let values = Resize.bilinear(map.map(Float.init), channels: 1, from: size, to: to)
        let grey = Picture(width: to.width, height: to.height, channels: 1, pixels: values.map { UInt8(min(max($0, 0), 255).rounded()) })
        return try tile(grey.rgb, "uncertainty")
    }

    /// As ``found(_:threshold:size:caption:)``, as a picture.
    func foundDrawn(_ finding: Answer, threshold: Float, size: (height: Int, width: Int)) throws -> Picture {
        try foundDrawn(mask(finding, threshold: threshold, size))
    }

    private func foundDrawn(_ mask: Picture) throws -> Picture {
        guard isBinary else { return try Overlay.draw(mask, on: picture, lineWidth: 2) }
        let below = try Overlay.outline(truth, on: picture, color: Self.truthColor, lineWidth: 5)
        return try Overlay.outline(mask, on: below, color: Self.foundColor, lineWidth: 3)
    }

    private func tile(_ picture: Picture, _ caption: String) throws -> ReportContent.Tile {
        ReportContent.Tile(jpeg: try PictureFile.jpeg(picture, quality: 85), caption: caption)
    }

    // MARK: - Planes to pictures

    private static func planes(_ picture: Picture) -> [Float] {
        let area = picture.width * picture.height
        return (0..<picture.channels * area).map { Float(picture.pixels[($0 % area) * picture.channels + $0 / area]) }
    }

    /// One or three planes as RGB; their least and greatest values become black and white.
    private static func picture(_ planes: [Float], _ from: (Int, Int), _ to: (height: Int, width: Int)) -> Picture {
        let channels = planes.count / max(1, from.0 * from.1) >= 3 ? 3 : 1
        let resized = Resize.bilinear(Array(planes.prefix(channels * from.0 * from.1)), channels: channels, from: (from.0, from.1), to: to)
        let known = resized.filter(\.isFinite)
        let (least, greatest) = (known.min() ?? 0, known.max() ?? 1)
        let stretch = greatest > least ? 255 / (greatest - least) : 0
        let area = to.height * to.width
        let pixels = (0..<area * channels).map { i -> UInt8 in
            let value = resized[(i % channels) * area + i / channels]
            return value.isFinite ? UInt8(((value - least) * stretch).rounded()) : 0
        }
        return Picture(width: to.width, height: to.height, channels: channels, pixels: pixels).rgb
    }

    private static func mask(_ plane: [Float], threshold: Float, from: (height: Int, width: Int), to: (height: Int, width: Int)) -> Picture
    {
        let values = Resize.bilinear(plane, channels: 1, from: from, to: to)
        return Picture(width: to.width, height: to.height, channels: 1, pixels: values.map { $0 >= threshold ? 1 : 0 })
    }

    private static func labels(_ plane: [UInt8], from: (height: Int, width: Int), to: (height: Int, width: Int)) -> Picture {
        Picture(width: to.width, height: to.height, channels: 1, pixels: Resize.nearest(plane, channels: 1, from: from, to: to))
    }
}
