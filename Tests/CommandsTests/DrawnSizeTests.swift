import Segmentation
import Testing

@testable import Commands

@Suite struct DrawnSizeTests {
    /// A drawn slice has true proportions, and at least 256 pixels a side.
    @Test(
        arguments: [
            (64, 64, nil, 256, 256), (512, 512, (1, 1), 512, 512), (40, 100, (1, 1), 280, 700), (64, 64, (3, 1), 768, 256),
            (64, 64, (1, 3), 256, 768), (300, 200, (1, 2.5), 300, 500), (64, 64, (1, 1e6), 256, 16384),
        ] as [(Int, Int, (Double, Double)?, Int, Int)])
    func pixelsBecomeSquares(height: Int, width: Int, pixel: (Double, Double)?, drawnHeight: Int, drawnWidth: Int) {
        let spacing = pixel.map { VoxelSpacing(depth: 5, height: $0.0, width: $0.1) }
        let size = VolumeResults.drawnSize(PlaneSize(height: height, width: width), spacing)
        #expect(size == (drawnHeight, drawnWidth), "\(size)")
    }
}
