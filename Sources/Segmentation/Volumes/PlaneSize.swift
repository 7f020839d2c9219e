/// The extent of a plane in pixels: rows, then columns.
public struct PlaneSize: Sendable, Hashable {
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int

    /// `height` rows of `width` columns.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// Pixels.
    public var count: Int { height * width }
}

#if !hasFeature(Embedded)
    extension PlaneSize: Codable, CustomStringConvertible {
        /// "256×192".
        public var description: String { "\(height)×\(width)" }
    }
#endif
