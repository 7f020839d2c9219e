import Imaging
import TensorFiles

/// Shows a few slices of a volume side by side, with labels drawn in.
package enum VolumeSheet {
    /// Draws up to `count` slices spread evenly over those with labels, or over the whole volume if
    /// there are none.
    ///
    /// Slices whose geometry is known are shown as radiologists view them: front at the top, the
    /// patient's right on the left. The intensities are (slices, rows, columns); 0 is black,
    /// `white` and above is white.
    package static func draw(
        _ labels: LabelVolume, on intensities: [Float], white: Float = 1, orientation: String = "???", count: Int = 9, cellSize: Int = 256
    ) throws(PictureError) -> Picture {
        let area = labels.shape.plane.count
        precondition(intensities.count == labels.shape.count, "VolumeSheet: \(intensities.count) intensities for \(labels.shape)")
        return try draw(labels, white: white, orientation: orientation, count: count, cellSize: cellSize) {
            Array(intensities[$0 * area..<($0 + 1) * area])
        }
    }

    /// Like ``draw(_:on:white:orientation:count:cellSize:)``, but reads only the intensities of the
    /// slices shown.
    package static func draw(
        _ labels: LabelVolume, white: Float = 1, orientation: String = "???", count: Int = 9, cellSize: Int = 256,
        slice intensities: (Int) -> [Float]
    ) throws(PictureError) -> Picture {
        precondition(count > 0, "VolumeSheet: at least one slice")
        let (shape, area) = (labels.shape, labels.shape.plane.count)
        let labelled = (0..<shape.depth).filter { slice in labels.labels[slice * area..<(slice + 1) * area].contains { $0 != 0 } }
        let from = labelled.isEmpty ? Array(0..<shape.depth) : labelled
        let used = min(count, from.count)
        let chosen = used == 1 ? [from[from.count / 2]] : (0..<used).map { from[$0 * (from.count - 1) / (used - 1)] }

        let letters = Array(orientation)
        let isAxial = letters.count == 3 && "LR".contains(letters[0]) && "AP".contains(letters[1]) && "SI".contains(letters[2])
        let (flipsRows, flipsColumns) = (isAxial && letters[1] == "A", isAxial && letters[0] == "R")
        func picture<Value>(_ plane: ArraySlice<Value>, _ grey: (Value) -> UInt8) -> Picture {
            let (H, W) = (shape.height, shape.width)
            var pixels = [UInt8](repeating: 0, count: area)
            for y in 0..<H {
                for x in 0..<W {
                    let (row, column) = (flipsRows ? H - 1 - y : y, flipsColumns ? W - 1 - x : x)
                    pixels[y * W + x] = grey(plane[plane.startIndex + row * W + column])
                }
            }
            return Picture(width: W, height: H, channels: 1, pixels: pixels)
        }
        var cells: [ContactSheet.Cell] = []
        for slice in chosen {
            let range = slice * area..<(slice + 1) * area
            let image = picture(intensities(slice)[...]) { UInt8((min(max($0 / white, 0), 1) * 255).rounded()) }
            let mask = picture(labels.labels[range]) { $0 }
            cells.append(.init(try Overlay.draw(mask, on: image), caption: "slice \(slice + 1) of \(shape.depth)"))
        }
        return ContactSheet(cells: cells, columns: cells.count > 4 ? 3 : 2, cellSize: cellSize).render()
    }
}
