import Imaging

/// A mask as read: one value per pixel, and findings about the file.
public struct Mask: Sendable, Equatable {
    /// One channel at the file's own size: 0 and 1 for binary masks, otherwise labels.
    /// ``MaskReader/ignoredLabel`` stays in place.
    public var picture: Picture
    /// Findings while reading.
    public var traits: MaskTraits
}

/// The contents of a mask file, for notes and for `check`.
public struct MaskTraits: Sendable, Equatable, Codable {
    /// Pixels that count; ignored ones do not.
    public var pixels = 0
    /// Foreground pixels: all labels except 0.
    public var foreground = 0
    /// Pixels of a binary mask between its two values, which the threshold decided; 0 for a clean
    /// mask.
    public var grey = 0
    /// Unlabelled pixels.
    public var ignored = 0
    /// The labels that occur, ascending; 0 and 1 for binary masks.
    public var labels: [Int] = []
    /// The foreground's colour, such as `#FF0000`, if a binary mask is painted in two colours.
    public var color: String?

    /// True if it fits its picture only as stored, before EXIF turns it.
    public var fitsAsStored = false

    /// True if there is no foreground, as in a healthy picture.
    public var isEmpty: Bool { foreground == 0 }
    /// True if every pixel that counts is foreground.
    public var isFull: Bool { foreground == pixels && pixels > 0 }
}
