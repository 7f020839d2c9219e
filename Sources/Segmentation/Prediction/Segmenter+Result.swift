import Imaging

extension Segmenter {
    /// The classes of one picture.
    public struct Result: Sendable, Equatable {
        /// One channel at the picture's own size: 0 and 255 for a binary network, otherwise labels.
        public let mask: Picture
        /// Pixels of each class, background first; two numbers of a binary network.
        public let pixels: [Int]
        /// The network's uncertainty; nil unless ``PredictionOptions/measuresDoubt``.
        public let doubt: Doubt?
        private let shown: Shown

        /// The maps that can be drawn.
        enum Shown: Sendable, Equatable {
            /// The foreground's or, of several classes, the background's probability, [side, side],
            /// and each pixel's entropy, 0…255, if uncertainty was measured.
            case resized([Float], side: Int, isBackground: Bool, entropy: [UInt8])
            /// The foreground's probability and the entropy, 0…255, at the picture's own size.
            case own([UInt8], entropy: [UInt8])
        }

        init(mask: Picture, classes: Int, doubt: Doubt?, shown: Shown) {
            (self.mask, self.doubt, self.shown) = (mask, doubt, shown)
            var pixels = [Int](repeating: 0, count: 256)
            for label in mask.pixels { pixels[Int(label)] += 1 }
            self.pixels = classes == 1 ? [pixels[0], pixels[255]] : Array(pixels.prefix(classes))
        }

        /// Probability of the foreground, 0…255 for 0…1, of the picture's own size. Computed anew
        /// each time.
        public var probability: Picture {
            switch shown {
            case .own(let grey, _): picture(grey)
            case .resized(let plane, let side, let isBackground, _):
                resized(plane, side) { value in
                    let grey = UInt8(value * 255 + 0.5)
                    return isBackground ? 255 - grey : grey
                }
            }
        }

        /// The entropy of each pixel's probabilities at the picture's own size: 0 for certain, 255
        /// for the greatest possible. Nil unless ``PredictionOptions/measuresDoubt``.
        public var uncertainty: Picture? {
            guard doubt != nil else { return nil }
            return switch shown {
            case .own(_, let entropy): picture(entropy)
            case .resized(_, let side, _, let entropy): resized(entropy.map(Float.init), side) { UInt8(min($0 + 0.5, 255)) }
            }
        }

        private func picture(_ grey: [UInt8]) -> Picture { Picture(width: mask.width, height: mask.height, channels: 1, pixels: grey) }

        private func resized(_ plane: [Float], _ side: Int, _ grey: (Float) -> UInt8) -> Picture {
            var pixels = [UInt8](repeating: 0, count: mask.width * mask.height)
            pixels.withUnsafeMutableBufferPointer { pixels in
                Resize.bilinearRows(plane, from: (side, side), to: (mask.height, mask.width)) { y, row in
                    for x in row.indices { pixels[y * mask.width + x] = grey(row[x]) }
                }
            }
            return picture(pixels)
        }

        /// The share of the picture that a class takes, 0…1; 0 for a label without a class.
        public func share(of label: Int) -> Double {
            guard pixels.indices.contains(label) else { return 0 }
            return Double(pixels[label]) / Double(mask.pixels.count)
        }
    }

    /// The answer for one picture of a batch at the picture's own size.
    func result(_ maps: ProbabilityMaps, _ index: Int, like picture: Picture) throws -> Result {
        let (from, to) = ((imageSize, imageSize), (picture.height, picture.width))
        let (probabilities, isBinary) = (maps.picture(index), maps.classes == 1)
        let first = Array(probabilities.prefix(maps.size.count))
        var labels =
            isBinary
            ? Masks.foreground(first, from: from, to: to, threshold: threshold, label: 255)
            : Masks.labels(probabilities, classes: maps.classes, from: from, to: to)
        try clean(&labels, picture.width, picture.height)
        var (doubt, entropy): (Doubt?, [UInt8]) = (nil, [])
        if prediction.measuresDoubt {
            var sum = DoubtSum(classes: maps.classes, maps: maps.maps)
            entropy = sum.add(
                probabilities,
                labels: ProbabilityMaps.labels(probabilities, classes: maps.classes, area: maps.size.count, threshold: threshold))
            doubt = sum.doubt
        }
        return Result(
            mask: Picture(width: picture.width, height: picture.height, channels: 1, pixels: labels), classes: maps.classes, doubt: doubt,
            shown: .resized(first, side: imageSize, isBackground: !isBinary, entropy: entropy))
    }

    /// Applies the clean-up to a picture's labels; for one class they are 0 and 255.
    func clean(_ labels: inout [UInt8], _ width: Int, _ height: Int) throws {
        try cleanUp.apply(
            to: &labels, shape: VolumeShape(depth: 1, height: height, width: width), classes: network.classes, foreground: 255)
    }
}
