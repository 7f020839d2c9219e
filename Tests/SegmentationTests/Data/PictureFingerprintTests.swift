import Foundation
import Imaging
import TestSupport
import Testing

@testable import Segmentation

/// Perceptual hashes, and the doubles that they find.
@Suite struct PictureFingerprintTests {
    /// A generated lesion; sizes differ.
    private func picture(_ index: Int, side: Int? = nil) -> Picture {
        LesionGenerator.sample(index: index, size: side ?? 90 + 7 * (index % 9), seed: 5).picture
    }

    /// The hash is that of SciPy's cosine transform of the grid, and the grid Pillow's box average
    /// where cells are whole pixels.
    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON"))
    func hashIsSciPys() throws {
        try withTemporaryFolder { folder in
            let picture = picture(3, side: 108).resized(width: 128, height: 96)
            let file = folder.appending(path: "a.png")
            try PictureFile.write(picture, to: file)
            let print = PictureFingerprint(picture)
            let grid = String(decoding: try JSONEncoder().encode(print.grid), as: UTF8.self)
            let script = """
                import json, sys, numpy as np, scipy.fft
                from PIL import Image
                grid = np.array(json.loads(sys.argv[2])).reshape(32, 32)
                low = scipy.fft.dctn(grid)[:8, :8]
                bits = (low > np.median(low)).ravel()
                grey = Image.open(sys.argv[1]).convert("L")
                box = np.asarray(grey.resize((32, 32), Image.BOX), float)
                g = np.asarray(grey, float)
                print(json.dumps([str(sum(1 << i for i, b in enumerate(bits) if b)), float(abs(box - grid).max()), g.mean(), g.std()]))
                """
            let answer = try #require(
                try JSONSerialization.jsonObject(with: Data(try Python.run(script, [file.path, grid]).utf8)) as? [Any])
            #expect(answer[0] as? String == "\(print.hash)")
            #expect(try #require(answer[1] as? Double) < 1.01)
            #expect(abs(try #require(answer[2] as? Double) - Double(print.mean)) < 0.6)
            #expect(abs(try #require(answer[3] as? Double) - Double(print.deviation)) < 0.6)
        }
    }

    @Test func smallAndFlatPictures() {
        #expect(!PictureFingerprint(Picture(width: 1, height: 1, channels: 1)).isTelling)
        #expect(
            PictureDoubles.pairs([
                PictureFingerprint(Picture(width: 9, height: 5, channels: 3)),
                PictureFingerprint(Picture(width: 64, height: 64, channels: 3)),
            ]).isEmpty)
        // Fewer pixels than the grid has cells: each cell has the pixel that it lies in.
        let noise = Picture.noise(width: 3, height: 2, channels: 1)
        let print = PictureFingerprint(noise)
        #expect(print.grid[0] == Float(noise[0, 0]) && print.grid[31] == Float(noise[0, 2]) && print.grid[32 * 31] == Float(noise[1, 0]))
    }

    /// Most of scaled, brightened, noisy, mirrored and turned copies are found, and no two of forty
    /// different lesions are taken for one.
    @Test func doublesAreFoundAndOthersAreNot() {
        let pictures = (0..<40).map { picture($0) }
        var copies = [
            pictures[1].resized(width: 200, height: 170), pictures[5].changed { UInt8(min(255, Int($0) + 20)) }, pictures[9].mirrored(),
            pictures[13].turned(),
        ]
        var random = CounterRandom(seed: 1)
        copies.append(pictures[17].changed { UInt8(max(0, min(255, Double($0) + 4 * random.normal()))) })
        let pairs = PictureDoubles.pairs((pictures + copies).map { PictureFingerprint($0) })
        let origins = [40: 1, 41: 5, 42: 9, 43: 13, 44: 17], turned: Set<Int> = [42, 43]
        #expect(pairs.allSatisfy { origins[$0.b] == $0.a && turned.contains($0.b) == $0.isTurned })
        #expect(pairs.count >= 3)
    }

    /// The eight variants are all different, and those of a turned picture are the same eight.
    @Test func variantsAreTheSymmetriesOfTheSquare() {
        let print = PictureFingerprint(picture(2, side: 96).resized(width: 96, height: 96))
        let turned = PictureFingerprint(picture(2, side: 96).resized(width: 96, height: 96).turned())
        #expect(Set(print.variants.map(\.grid)).count == 8 && print.variants[0] == print)
        #expect(Set(print.variants.map(\.grid)) == Set(turned.variants.map(\.grid)))
    }
}

extension Picture {
    fileprivate func resized(width: Int, height: Int) -> Picture {
        let planes = Resize.bilinear(self, to: (height, width)), area = width * height
        return Picture(
            width: width, height: height, channels: channels,
            pixels: (0..<area * channels).map { UInt8(planes[$0 % channels * area + $0 / channels].rounded()) })
    }

    fileprivate func changed(_ change: (UInt8) -> UInt8) -> Picture {
        var copy = self
        for i in copy.pixels.indices { copy.pixels[i] = change(copy.pixels[i]) }
        return copy
    }

    fileprivate func placed(width: Int, height: Int, _ source: (_ y: Int, _ x: Int) -> (Int, Int)) -> Picture {
        var copy = Picture(width: width, height: height, channels: channels)
        for y in 0..<height {
            for x in 0..<width {
                let (row, column) = source(y, x)
                for c in 0..<channels { copy[y, x, c] = self[row, column, c] }
            }
        }
        return copy
    }

    fileprivate func mirrored() -> Picture { placed(width: width, height: height) { ($0, width - 1 - $1) } }
    /// A quarter turn.
    fileprivate func turned() -> Picture { placed(width: height, height: width) { (height - 1 - $1, $0) } }
}
