import Foundation
import Imaging
import TestSupport
import Testing

private struct ResizeCase: Decodable {
    let index: Int, channels: Int
    let from: [Int], to: [Int]
}

/// The largest difference, relative to the largest value expected.
private func difference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count, !a.isEmpty else { return .infinity }
    let scale = max(b.map(abs).max()!, 1e-20)
    return zip(a, b).map { ($0 - $1).isNaN ? .infinity : abs($0 - $1) / scale }.max()!
}

@Suite struct ResizeTests {
    @Test func equalsPyTorch() throws {
        let fixture = Fixture.committed
        let cases = try fixture.json("resize.json", as: [ResizeCase].self)
        #expect(cases.count >= 10)
        for c in cases {
            let (from, to) = ((height: c.from[0], width: c.from[1]), (height: c.to[0], width: c.to[1]))
            let input = try fixture.floats("resize\(c.index).input")
            let bilinear = Resize.bilinear(input, channels: c.channels, from: from, to: to)
            #expect(try difference(bilinear, fixture.floats("resize\(c.index).bilinear")) < 3e-7, "\(from) → \(to)")
            let nearest = Resize.nearest(input, channels: c.channels, from: from, to: to)
            #expect(try nearest == fixture.floats("resize\(c.index).nearest"), "\(from) → \(to)")
            let picture = Picture(width: from.width, height: from.height, channels: 3, pixels: try fixture.bytes("resize\(c.index).u8"))
            let mapped = Resize.bilinear(picture, to: to, values: (0..<256).map { Float($0) * 0.5 - 3 })
            #expect(try difference(mapped, fixture.floats("resize\(c.index).u8bilinear")) < 3e-7, "\(from) → \(to)")

            var rows: [Float] = []
            let plane = Array(input.prefix(from.height * from.width))
            Resize.bilinearRows(plane, from: from, to: to) { y, row in
                #expect(y * to.width == rows.count)
                rows += row
            }
            #expect(rows == Array(bilinear.prefix(to.height * to.width)))
        }
    }

    @Test func sameSizeChangesNothing() {
        let picture = Picture.noise(width: 19, height: 7, channels: 3)
        #expect(Resize.nearest(picture, to: (7, 19)) == picture)
        let planes = Resize.bilinear(picture, to: (7, 19))
        #expect(planes[7 * 19 + 4 * 19 + 5] == Float(picture[4, 5, 1]))
    }

    @Test func picturesAndPlanesAgree() {
        let picture = Picture.noise(width: 23, height: 31, channels: 1)
        let planes = Resize.nearest(picture.pixels, channels: 1, from: (31, 23), to: (10, 57))
        #expect(Resize.nearest(picture, to: (10, 57)).pixels == planes)
    }

    /// With 12000 columns, coordinates in single precision must still equal PyTorch's. A ramp shows
    /// where each output was sampled.
    @Test func largeSourcesAreSampledWhereTheyShould() {
        let width = 12000
        let ramp = (0..<width).map(Float.init)
        let out = Resize.bilinear(ramp, channels: 1, from: (1, width), to: (1, 256))
        for (i, value) in out.enumerated() {
            #expect(abs(value - ((Float(i) + 0.5) * 46.875 - 0.5)) < 2e-3)
        }
    }

    @Test func missingValuesStayWhereTheyAre() {
        var plane = [Float](repeating: 1, count: 64)
        plane[9] = .nan
        let out = Resize.bilinear(plane, channels: 1, from: (8, 8), to: (16, 16))
        #expect(out.contains { $0.isNaN })
        #expect(out.suffix(16 * 10).allSatisfy { $0 == 1 })
    }
}
