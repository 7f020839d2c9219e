import Foundation
import TestSupport
import Testing

@testable import Segmentation

@Suite("Resizing and turning planes")
struct SplineZoomTests {
    private let size = PlaneSize(height: 50, width: 61)

    @Test(arguments: [("slice.zoom32x32", 32, 32), ("slice.zoom96x80", 96, 80)])
    func cubicEqualsFixture(_ name: String, _ height: Int, _ width: Int) throws {
        let fixture = try GoldenFile("synapse_preprocess")
        let zoomed = SplineZoom(from: size, to: PlaneSize(height: height, width: width))(fixture.floats("slice").values)
        let expected = fixture.floats(name)
        #expect(expected.shape == [height, width])
        #expect(largestDifference(zoomed, expected.values) <= 1e-6)
    }

    @Test func nearestEqualsFixture() throws {
        let fixture = try GoldenFile("synapse_preprocess")
        let small = PlaneSize(height: 32, width: 32)
        let zoomed = NearestZoom(from: size, to: small)(fixture.labels("label").values)
        #expect(zoomed == fixture.labels("label.zoom32x32").values)
        #expect(NearestZoom(from: small, to: size)(zoomed) == fixture.labels("label.back50x61").values)
    }

    @Test(arguments: [-20, 7, 19])
    func rotationEqualsFixture(_ degrees: Int) throws {
        let fixture = try GoldenFile("synapse_preprocess")
        let slice = Rotate.nearest(fixture.floats("slice").values, size: size, degrees: degrees, outside: 0)
        #expect(slice == fixture.floats("slice.rotate\(degrees)").values)
        let label = Rotate.nearest(fixture.labels("label").values, size: size, degrees: degrees, outside: 0)
        #expect(label == fixture.labels("label.rotate\(degrees)").values)
    }

    /// All combinations of small sizes, sizes whose last position rounds out of the picture, and
    /// Synapse's own, compared with SciPy.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func zoomEqualsSciPy() throws {
        let cases: [(from: PlaneSize, to: PlaneSize)] =
            [1, 2, 3, 4].flatMap { from in
                [1, 2, 3, 7].map { to in (PlaneSize(height: from, width: 5 - from), PlaneSize(height: to, width: 9 - to)) }
            } + [
                (PlaneSize(height: 32, width: 16), PlaneSize(height: 224, width: 80)),
                (PlaneSize(height: 512, width: 512), PlaneSize(height: 224, width: 224)),
                (PlaneSize(height: 224, width: 224), PlaneSize(height: 512, width: 512)),
                (PlaneSize(height: 256, width: 216), PlaneSize(height: 224, width: 224)),
                (PlaneSize(height: 65, width: 33), PlaneSize(height: 64, width: 100)),
            ]
        var random = VolumeRandom(state: 5)
        let planes = cases.map { pair in (0..<pair.from.count).map { _ in Float.random(in: -1...3, using: &random) } }
        try withTemporaryFolder { folder in
            for (i, plane) in planes.enumerated() { try writeVolumeBytes(plane, to: folder.appendingPathComponent("\(i)")) }
            try Python.run(
                """
                import sys, numpy as np
                from scipy.ndimage import zoom
                for i, s in enumerate(sys.argv[2].split()):
                    h, w, p, q = map(int, s.split(","))
                    a = np.fromfile(f"{sys.argv[1]}/{i}", np.float32).reshape(h, w)
                    for order in (3, 0):
                        r = zoom(a, (p / h, q / w), order=order)
                        assert r.shape == (p, q) and r.dtype == np.float32
                        r.tofile(f"{sys.argv[1]}/{i}.{order}")
                """,
                [folder.path, cases.map { "\($0.from.height),\($0.from.width),\($0.to.height),\($0.to.width)" }.joined(separator: " ")])
            for (i, pair) in cases.enumerated() {
                let cubic: [Float] = try readVolumeValues(folder.appendingPathComponent("\(i).3"))
                #expect(largestDifference(SplineZoom(from: pair.from, to: pair.to)(planes[i]), cubic) <= 2e-6, "\(pair)")
                let nearest: [Float] = try readVolumeValues(folder.appendingPathComponent("\(i).0"))
                #expect(NearestZoom(from: pair.from, to: pair.to)(planes[i]) == nearest, "\(pair)")
            }
        }
    }

    /// Every whole degree, on odd, even and unequal sizes.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func rotationEqualsSciPy() throws {
        let sizes = [(1, 1), (1, 6), (2, 2), (13, 8), (24, 24), (25, 25)].map { PlaneSize(height: $0.0, width: $0.1) }
        try withTemporaryFolder { folder in
            try Python.run(
                """
                import sys, numpy as np
                from scipy.ndimage import rotate
                for s in sys.argv[2].split():
                    h, w = map(int, s.split(","))
                    a = (np.arange(h * w) % 251 + 1).astype(np.uint8).reshape(h, w)
                    np.stack([rotate(a, d, order=0, reshape=False) for d in range(-180, 181)]).tofile(f"{sys.argv[1]}/{h}.{w}")
                """, [folder.path, sizes.map { "\($0.height),\($0.width)" }.joined(separator: " ")])
            for size in sizes {
                let plane = (0..<size.count).map { UInt8($0 % 251 + 1) }
                let expected: [UInt8] = try readVolumeValues(folder.appendingPathComponent("\(size.height).\(size.width)"))
                for degrees in -180...180 {
                    let rotated = Rotate.nearest(plane, size: size, degrees: degrees, outside: 0)
                    let isEqual = rotated == Array(expected[(degrees + 180) * size.count..<(degrees + 181) * size.count])
                    #expect(isEqual, "\(size), \(degrees)°")
                }
            }
        }
    }

    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func turnsAndFlipsEqualNumPy() throws {
        let size = PlaneSize(height: 3, width: 4)
        let plane = (0..<12).map { UInt8($0) }
        let text = try Python.run(
            """
            import numpy as np
            a = np.arange(12).reshape(3, 4)
            for r in [np.rot90(a, k) for k in range(-1, 6)] + [np.flip(a, k) for k in (0, 1)]: print(*r.ravel())
            """)
        let expected = text.split(separator: "\n").map { $0.split(separator: " ").compactMap { UInt8($0) } }
        let turned = (-1..<6).map { Rotate.quarterTurns(plane, size: size, turns: $0) }
        #expect(turned.map(\.plane) + Rotate.Axis.allCases.map { Rotate.flipped(plane, size: size, axis: $0) } == expected)
        #expect(turned.map(\.size.height) == [4, 3, 4, 3, 4, 3, 4])
    }

    @Test func sameSizeIsLeftAlone() {
        let plane: [Float] = [1, 2, 3, 4, 5, 6]
        let size = PlaneSize(height: 2, width: 3)
        #expect(SplineZoom(from: size, to: size)(plane) == plane)
        #expect(NearestZoom(from: size, to: size)(plane) == plane)
    }
}

/// The largest absolute difference; infinite if the counts differ or a value is NaN.
func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { largest, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isNaN ? .infinity : max(largest, difference)
    }
}
