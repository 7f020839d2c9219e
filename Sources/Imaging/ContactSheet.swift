/// Pictures in rows and columns with captions, for reports.
public struct ContactSheet: Sendable {
    /// A picture with its caption.
    public struct Cell: Sendable {
        /// The picture, scaled to fit.
        public var picture: Picture
        /// One line, cut to the cell's width.
        public var caption: String

        /// A cell of a picture and its caption.
        public init(_ picture: Picture, caption: String = "") {
            self.picture = picture
            self.caption = caption
        }
    }

    /// From left to right, then top to bottom.
    public var cells: [Cell]
    /// Cells in a row.
    public var columns: Int
    /// Width and height of a cell without its caption, in pixels.
    public var cellSize: Int
    /// Pixels per dot of the caption's letters.
    public var textScale: Int
    /// Pixels between cells and around them.
    public var gap: Int
    /// Light letters on a dark ground, for pictures with black surroundings such as volumes.
    public var isDark: Bool

    /// A sheet of cells; columns, cell size and text scale are at least 1.
    public init(cells: [Cell], columns: Int, cellSize: Int = 256, textScale: Int = 1, gap: Int = 4, isDark: Bool = false) {
        precondition(columns > 0 && cellSize > 0 && textScale > 0 && gap >= 0, "columns, cell size and text scale are at least 1")
        self.cells = cells
        self.columns = columns
        self.cellSize = cellSize
        self.textScale = textScale
        self.gap = gap
        self.isDark = isDark
    }

    /// Greys of the ground and the letters.
    private var paper: UInt8 { isDark ? 24 : 255 }
    private var ink: UInt8 { isDark ? 220 : 30 }

    /// Draws the sheet, RGB. Pictures keep their proportions and are centred; without
    /// captions there is no caption line.
    public func render() -> Picture {
        let captionHeight = cells.contains { !$0.caption.isEmpty } ? (Font.height + 3) * textScale : 0
        let used = max(1, min(columns, cells.count))
        let rows = max(1, (cells.count + columns - 1) / columns)
        var sheet = Picture(
            width: gap + used * (cellSize + gap), height: gap + rows * (cellSize + captionHeight + gap), channels: 3, filledWith: paper
        )
        for (i, cell) in cells.enumerated() {
            let left = gap + i % columns * (cellSize + gap)
            let top = gap + i / columns * (cellSize + captionHeight + gap)
            let thumbnail = Resize.thumbnail(cell.picture, fitting: cellSize).rgb
            sheet.paste(thumbnail, left: left + (cellSize - thumbnail.width) / 2, top: top + (cellSize - thumbnail.height) / 2)
            sheet.write(cell.caption, left: left, top: top + cellSize + 2 * textScale, scale: textScale, limit: cellSize, value: ink)
        }
        return sheet
    }
}

extension Picture {
    /// Copies a picture with equal channels into this one; it must fit.
    fileprivate mutating func paste(_ picture: Picture, left: Int, top: Int) {
        let length = picture.width * channels
        for y in 0..<picture.height {
            let start = ((top + y) * width + left) * channels
            pixels.replaceSubrange(start..<(start + length), with: picture.pixels[(y * length)..<((y + 1) * length)])
        }
    }

    /// Writes a line of text, cut at `limit` pixels.
    fileprivate mutating func write(_ text: String, left: Int, top: Int, scale: Int, limit: Int, value: UInt8) {
        let room = max(0, (limit + scale) / (Font.advance * scale))
        let line = text.count <= room ? text : String(text.prefix(max(0, room - 1))) + "…"
        for (i, character) in line.prefix(room).enumerated() {
            for row in 0..<(Font.height * scale) {
                for column in 0..<(Font.width * scale) where Font.isInked(character, column: column / scale, row: row / scale) {
                    let x = left + i * Font.advance * scale + column
                    for c in 0..<channels { self[top + row, x, c] = value }
                }
            }
        }
    }

    /// Writes a line of text in white on black, as far as it fits.
    package mutating func write(_ text: String, left: Int, top: Int, scale: Int) {
        for (i, character) in text.enumerated() {
            for row in -1...Font.height * scale {
                for column in -1...Font.advance * scale - 1 {
                    let (x, y) = (left + i * Font.advance * scale + column, top + row)
                    guard x >= 0, y >= 0, x < width, y < height else { continue }
                    let isInside = row >= 0 && column >= 0 && row < Font.height * scale && column < Font.width * scale
                    let isInk = isInside && Font.isInked(character, column: column / scale, row: row / scale)
                    for c in 0..<channels { self[y, x, c] = isInk ? 255 : 0 }
                }
            }
        }
    }
}
