/// A picture's header.
public struct PictureInfo: Sendable, Equatable {
    /// The supported formats.
    public enum Format: String, Sendable {
        /// Portable Network Graphics.
        case png
        /// JPEG, in any container.
        case jpeg
        /// Windows' and OS/2's bitmaps.
        case bmp
        /// TIFF and BigTIFF.
        case tiff
    }

    /// Determined by the content, not the name.
    public let format: Format
    /// Columns and rows as the file stores them.
    public let stored: (width: Int, height: Int)
    /// The rotation of the stored picture for viewing.
    public let orientation: PictureOrientation
    /// Bits per sample: 1, 2, 4, 8 or 16.
    public let bits: Int

    /// Columns as viewers show the picture.
    public var width: Int { orientation.swapsSides ? stored.height : stored.width }
    /// Rows as viewers show the picture.
    public var height: Int { orientation.swapsSides ? stored.width : stored.height }

    init(_ header: PictureHeader) {
        stored = header.size
        orientation = header.orientation
        switch header {
        case .png(let header): (format, bits) = (.png, header.bits)
        case .jpeg: (format, bits) = (.jpeg, 8)
        case .bmp(let header): (format, bits) = (.bmp, min(header.bits, 8))
        case .tiff(let header): (format, bits) = (.tiff, header.bits)
        }
    }

    /// True if two headers are equal.
    public static func == (a: PictureInfo, b: PictureInfo) -> Bool {
        a.format == b.format && a.stored == b.stored && a.orientation == b.orientation && a.bits == b.bits
    }
}
