import Imaging
import TestSupport
import Testing

/// Outline pixels by definition: another label within k rows and columns.
private func slowOutline(_ mask: Picture, _ k: Int) -> [Bool] {
    (0..<mask.height).flatMap { y in
        (0..<mask.width).map { x in
            for ny in max(0, y - k)...min(mask.height - 1, y + k) {
                for nx in max(0, x - k)...min(mask.width - 1, x + k) where mask[ny, nx] != mask[y, x] { return true }
            }
            return false
        }
    }
}

@Suite struct OverlayTests {
    @Test(arguments: [(1, 1, 1), (1, 9, 2), (9, 1, 2), (16, 16, 1), (33, 21, 2), (40, 40, 5), (12, 12, 30)])
    func outlineIsWhatItsDefinitionSays(width: Int, height: Int, lineWidth: Int) throws {
        var random = CounterRandom(seed: 3, stream: UInt64(width), substream: UInt64(lineWidth))
        for round in 0..<6 {
            // Blocks of labels, with single pixels here and there.
            var mask = Picture(width: width, height: height, channels: 1)
            for y in 0..<height {
                for x in 0..<width { mask[y, x] = (x / 11 + y / 13 + round) % 3 == 0 ? UInt8(1 + (x / 11) % 2) : 0 }
            }
            if round > 0 { mask[random.integer(below: height), random.integer(below: width)] = 3 }
            let black = Picture(width: width, height: height, channels: 3)
            let drawn = try Overlay.draw(mask, on: black, opacity: 0, lineWidth: lineWidth)
            let expected = slowOutline(mask, lineWidth)
            for y in 0..<height {
                for x in 0..<width {
                    let isDrawn = drawn[y, x, 0] != 0 || drawn[y, x, 1] != 0 || drawn[y, x, 2] != 0
                    #expect(isDrawn == (mask[y, x] != 0 && expected[y * width + x]), "row \(y), column \(x)")
                }
            }
        }
    }

    @Test func backgroundStaysAndFillIsTranslucent() throws {
        let picture = Picture(width: 40, height: 40, channels: 1, filledWith: 100)
        var mask = Picture(width: 40, height: 40, channels: 1)
        for y in 10..<30 { for x in 10..<30 { mask[y, x] = 255 } }
        let drawn = try Overlay.draw(mask, on: picture, opacity: 0.5)
        let color = try #require(LabelColors.color(of: 1))
        #expect(drawn.channels == 3)
        #expect((0..<3).map { drawn[5, 5, $0] } == [100, 100, 100])
        #expect((0..<3).map { drawn[10, 20, $0] } == [color.red, color.green, color.blue])
        let filled: [UInt8] = [color.red, color.green, color.blue].map { value in UInt8((101 + Int(value)) / 2) }
        #expect((0..<3).map { drawn[20, 20, $0] } == filled)
        let outlined = try Overlay.outline(mask, on: picture, color: (1, 2, 3), lineWidth: 1)
        #expect((0..<3).map { outlined[10, 10, $0] } == [1, 2, 3])
        #expect(outlined[11, 11, 0] == 100)
    }

    @Test func sizesMustAgree() {
        let picture = Picture(width: 4, height: 3, channels: 3)
        for mask in [Picture(width: 3, height: 4, channels: 1), Picture(width: 4, height: 3, channels: 3)] {
            #expect(throws: PictureError.self) { try Overlay.draw(mask, on: picture) }
        }
    }

    @Test func everyLabelHasAColour() throws {
        #expect(LabelColors.color(of: 0) == nil)
        #expect(LabelColors.color(of: -1) == nil)
        let colors = try (1...24).map { label in
            let color = try #require(LabelColors.color(of: label))
            return [color.red, color.green, color.blue]
        }
        #expect(Set(colors).count == 24)
        #expect(try #require(LabelColors.color(of: 255)) == #require(LabelColors.color(of: 1)))
        for label in 1..<255 { #expect(LabelColors.color(of: label) != nil) }
    }

    @Test func contactSheetPlacesPictures() {
        let red = Picture(width: 1, height: 1, channels: 3, pixels: [255, 0, 0])
        let tall = Picture(width: 10, height: 40, channels: 1, filledWith: 0)
        let sheet = ContactSheet(cells: [.init(red), .init(tall), .init(red)], columns: 2, cellSize: 20).render()
        #expect((sheet.width, sheet.height, sheet.channels) == (4 + 2 * 24, 4 + 2 * 24, 3))
        // Red, a narrow black one in the middle of its cell, then red below and an empty cell.
        let seen: [UInt8] = [sheet[14, 14, 0], sheet[14, 14, 1], sheet[14, 38, 0], sheet[14, 30, 0], sheet[38, 14, 1], sheet[38, 38, 1]]
        #expect(seen == [255, 0, 0, 255, 0, 255])
        let captioned = ContactSheet(
            cells: [.init(red, caption: "Ab 1"), .init(red, caption: "a caption too long for its cell")], columns: 5, cellSize: 48
        )
        .render()
        #expect(captioned.height == 8 + 48 + 10)
        #expect(captioned.width == 4 + 2 * 52)
        let ink: [Int] = (0..<captioned.width).filter { x in (54..<64).contains { y in captioned[y, x, 0] == 30 } }
        #expect(ink.contains { $0 < 52 })
        #expect(ink.allSatisfy { (4..<52).contains($0) || (56..<104).contains($0) })
        #expect(ContactSheet(cells: [], columns: 3, cellSize: 5).render().pixels.allSatisfy { $0 == 255 })
    }

    @Test func thumbnailsAverage() {
        let picture = Picture(width: 4, height: 2, channels: 1, pixels: [0, 10, 20, 30, 40, 50, 60, 70])
        let small = Resize.thumbnail(picture, fitting: 2)
        #expect(small == Picture(width: 2, height: 1, channels: 1, pixels: [25, 45]))
        let one = Resize.thumbnail(Picture.noise(width: 3, height: 1000, channels: 3), fitting: 10)
        #expect((one.width, one.height) == (1, 10))
        #expect(Resize.thumbnail(picture, fitting: 8) == Resize.nearest(picture, to: (4, 8)))
    }
}
