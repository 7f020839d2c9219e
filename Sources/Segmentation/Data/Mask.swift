import Imaging

/// A mask as it was read: one value a pixel, and what is worth knowing about the file.
public struct Mask: Sendable, Equatable {
    /// One channel at the file's own size: 0 and 1 for binary masks, otherwise labels; ``MaskReader/ignoredLabel`` stays where it stood.
    public var picture: Picture
    /// What was seen while reading.
    public var traits: MaskTraits
}

/// What a mask's file holds, for notes to the user and for `check`.
public struct MaskTraits: Sendable, Equatable, Codable {
    /// Pixels that count; ignored ones do not.
    public var pixels = 0
    /// Pixels of the foreground: of any label but 0.
    public var foreground = 0
    /// Pixels of a binary mask with a value between its two, which the threshold decided; 0 for a clean mask.
    public var grey = 0
    /// Pixels that nobody labelled.
    public var ignored = 0
    /// The labels that occur, ascending; 0 and 1 for binary masks.
    public var labels: [Int] = []
    /// The foreground's colour, such as `#FF0000`, where a binary mask is painted in two colours.
    public var color: String?

    /// Whether no pixel belongs to the foreground: a healthy picture.
    public var isEmpty: Bool { foreground == 0 }
    /// Whether every pixel that counts belongs to the foreground.
    public var isFull: Bool { foreground == pixels && pixels > 0 }
}
