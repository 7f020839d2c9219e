import Files
import Imaging

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A picture to segment, from a file, memory or pixels. It is read when it is segmented.
public enum PictureInput: Sendable {
    /// A PNG, JPEG, BMP or TIFF file, turned as its EXIF says.
    case file(URL)
    /// The content of such a file; `name` stands for the path in errors.
    case data(Data, name: String = "a picture in memory")
    /// Pixels, one byte per channel: rows from top to bottom, `rowStride` bytes from the start of
    /// one to the start of the next, without padding if it is nil. Opacity is dropped.
    case pixels([UInt8], width: Int, height: Int, layout: PixelLayout, rowStride: Int? = nil)
    /// A picture that was read before.
    case picture(Picture)

    /// The picture, grey or RGB.
    ///
    /// - Throws: ``/Imaging/PictureError`` for a file that is missing, damaged or of another kind,
    ///   and for sizes that do not fit the bytes.
    package func read() throws(PictureError) -> Picture {
        switch self {
        case .file(let url): try PictureFile.read(url)
        case .data(let data, let name): try PictureFile.decode(data, name: name)
        case .pixels(let bytes, let width, let height, let layout, let rowStride):
            try Picture(bytes, width: width, height: height, layout: layout, rowStride: rowStride)
        case .picture(let picture): picture
        }
    }
}
