import Foundation
import Imaging
import TestSupport
import Testing

/// Otsu's threshold (1979) on grey values, with the darker part taken as the lesion: a method
/// without learning.
private func otsu(_ picture: Picture) -> [Bool] {
    let grey = picture.grey.pixels
    var histogram = [Double](repeating: 0, count: 256)
    for value in grey { histogram[Int(value)] += 1 }
    let total = Double(grey.count)
    let mean = histogram.indices.reduce(0) { $0 + Double($1) * histogram[$1] } / total
    var (weight, sum, best, threshold) = (0.0, 0.0, -1.0, 0)
    for value in 0..<255 {
        weight += histogram[value]
        sum += Double(value) * histogram[value]
        guard weight > 0, weight < total else { continue }
        let between = (mean * weight - sum) * (mean * weight - sum) / (weight * (total - weight))
        if between > best { (best, threshold) = (between, value) }
    }
    return grey.map { Int($0) <= threshold }
}

@Suite struct LesionGeneratorTests {
    @Test func aSampleIsAFunctionOfSeedAndIndex() {
        let a = LesionGenerator.sample(index: 3, size: 48, seed: 1)
        let again = LesionGenerator.sample(index: 3, size: 48, seed: 1)
        #expect(a.picture == again.picture && a.mask == again.mask)
        #expect(LesionGenerator.sample(index: 4, size: 48, seed: 1).picture != a.picture)
        #expect(LesionGenerator.sample(index: 3, size: 48, seed: 2).picture != a.picture)
    }

    /// Pictures of one index at two sizes show the same scene.
    @Test func sizeChangesResolutionOnly() {
        for index in 0..<5 {
            let small = LesionGenerator.sample(index: index, size: 32, seed: 7).mask
            let large = Resize.nearest(LesionGenerator.sample(index: index, size: 96, seed: 7).mask, to: (32, 32))
            let different = zip(small.pixels, large.pixels).filter { $0 != $1 }.count
            #expect(different < 60, "index \(index): \(different) of 1024")
        }
    }

    @Test(arguments: [1, 2, 7, 33])
    func anySizeWorks(size: Int) {
        for index in 0..<10 {
            let (picture, mask) = LesionGenerator.sample(index: index, size: size, seed: 5)
            #expect((picture.width, picture.height, picture.channels) == (size, size, 3))
            #expect((mask.width, mask.height, mask.channels) == (size, size, 1))
        }
    }

    @Test func masksAreOneLesionOfSensibleSize() {
        for index in 0..<60 {
            let mask = LesionGenerator.sample(index: index, size: 64, seed: 42).mask
            #expect(mask.pixels.allSatisfy { $0 == 0 || $0 == 255 })
            let area = Double(mask.pixels.filter { $0 == 255 }.count) / 4096
            #expect(area > 0.008 && area < 0.7, "index \(index): \(area)")
            #expect(pieces(mask) == 1, "index \(index)")
        }
    }

    @Test func lesionsAreDarkerThanTheSkinAroundThem() {
        var darker = 0
        for index in 0..<40 {
            let (picture, mask) = LesionGenerator.sample(index: index, size: 64, seed: 42)
            let grey = picture.grey
            var sums = (inside: (0, 0), around: (0, 0))
            for i in grey.pixels.indices where grey.pixels[i] > 40 {
                if mask.pixels[i] > 0 {
                    sums.inside = (sums.inside.0 + Int(grey.pixels[i]), sums.inside.1 + 1)
                } else {
                    sums.around = (sums.around.0 + Int(grey.pixels[i]), sums.around.1 + 1)
                }
            }
            if sums.inside.0 * sums.around.1 < sums.around.0 * sums.inside.1 { darker += 1 }
        }
        #expect(darker >= 36)
    }

    @Test func aThresholdDoesNotSolveIt() {
        var (both, either) = (0, 0)
        for index in 0..<80 {
            let (picture, mask) = LesionGenerator.sample(index: index, size: 64, seed: 42)
            for (found, value) in zip(otsu(picture), mask.pixels) {
                if found && value > 0 { both += 1 }
                if found || value > 0 { either += 1 }
            }
        }
        let score = Double(both) / Double(either)
        #expect(score < 0.7)
        // The threshold is not useless either: it finds part of the lesions.
        #expect(score > 0.15)
    }

    @Test func writesASet() throws {
        try withTemporaryFolder { folder in
            var written = 0
            try LesionGenerator.write(train: 3, validation: 2, size: 32, seed: 9, to: folder) { written = $0 }
            #expect(written == 5)
            let list = { (path: String) in try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: path).path).sorted() }
            #expect(try list("train/images") == ["lesion_00001.jpg", "lesion_00002.jpg", "lesion_00003.jpg"])
            #expect(try list("val/masks") == ["lesion_00004.png", "lesion_00005.png"])
            let mask = try PictureFile.read(folder.appending(path: "val/masks/lesion_00004.png"))
            #expect(mask == LesionGenerator.sample(index: 3, size: 32, seed: 9).mask)
            #expect(throws: PictureError.self) {
                try LesionGenerator.write(train: 1, validation: 0, to: folder.appending(path: "train/images/lesion_00001.jpg"))
            }
        }
    }
}

/// Connected parts (four neighbours) of everything but 0.
private func pieces(_ mask: Picture) -> Int {
    var seen = mask.pixels.map { $0 == 0 }
    var count = 0
    for start in seen.indices where !seen[start] {
        count += 1
        var stack = [start]
        seen[start] = true
        while let i = stack.popLast() {
            let (y, x) = (i / mask.width, i % mask.width)
            for (ny, nx) in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)] where ny >= 0 && nx >= 0 && ny < mask.height && nx < mask.width
            {
                let next = ny * mask.width + nx
                if !seen[next] {
                    seen[next] = true
                    stack.append(next)
                }
            }
        }
    }
    return count
}
