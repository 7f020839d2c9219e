import Foundation
import Imaging

/// A folder that is removed with the test.
package final class TemporaryFolder {
    package let url: URL

    package init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "vmunet-data-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    package func write(_ picture: Picture, _ path: String) throws {
        let file = url.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try PictureFile.write(picture, to: file)
    }

    package func write(_ bytes: [UInt8], _ path: String) throws {
        let file = url.appending(path: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    /// Pictures of noise with masks of a disc, in different sizes, in `SPLIT/{images,masks}`.
    package func writePairs(_ count: Int, split: String, side: Int = 20) throws {
        for i in 0..<count {
            let (width, height) = (side + i % 3, side + i % 2)
            try write(.noise(width: width, height: height, seed: UInt64(i)), "\(split)/images/case_\(i).png")
            try write(.disc(width: width, height: height), "\(split)/masks/case_\(i)_segmentation.png")
        }
    }
}

extension Picture {
    package static func noise(width: Int, height: Int, channels: Int = 3, seed: UInt64 = 1) -> Picture {
        var random = CounterRandom(seed: seed)
        let pixels = (0..<width * height * channels).map { _ in UInt8(random.integer(below: 256)) }
        return Picture(width: width, height: height, channels: channels, pixels: pixels)
    }

    /// 255 within a disc in the middle, 0 outside.
    package static func disc(width: Int, height: Int, value: UInt8 = 255) -> Picture {
        var mask = Picture(width: width, height: height, channels: 1)
        for y in 0..<height {
            for x in 0..<width {
                let (dx, dy) = (Double(2 * x - width + 1) / Double(width), Double(2 * y - height + 1) / Double(height))
                if dx * dx + dy * dy < 0.4 { mask[y, x] = value }
            }
        }
        return mask
    }
}
