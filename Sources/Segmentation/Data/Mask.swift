import Imaging

/// A mask as read: one value per pixel, and findings about the file.
package struct Mask: Sendable, Equatable {
    /// One channel at the file's own size: 0 and 1 for binary masks, otherwise labels.
    /// ``MaskReader/ignoredLabel`` stays in place.
    package var picture: Picture
    /// Findings while reading.
    package var traits: MaskTraits
}

/// The contents of a mask file, for notes and for `check`.
package struct MaskTraits: Sendable, Equatable, Codable {
    /// Pixels that count; ignored ones do not.
    package var pixels = 0
    /// Foreground pixels: all labels except 0.
    package var foreground = 0
    /// Pixels of a binary mask between its two values, which the threshold decided; 0 for a clean
    /// mask.
    package var grey = 0
    /// Unlabelled pixels.
    package var ignored = 0
    /// The labels that occur, ascending; 0 and 1 for binary masks.
    package var labels: [Int] = []
    /// The pixels of each of ``labels``.
    package var pixelsOfLabels: [Int] = []
    /// The foreground's colour, such as `#FF0000`, if a binary mask is painted in two colours.
    package var color: String?

    /// True if it fits its picture only as stored, before EXIF turns it.
    package var fitsAsStored = false

    /// True if there is no foreground, as in a healthy picture.
    package var isEmpty: Bool { foreground == 0 }
    /// True if every pixel that counts is foreground.
    package var isFull: Bool { foreground == pixels && pixels > 0 }
}
