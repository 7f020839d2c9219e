/// The calibration of predicted probabilities over all pixels of a set.
///
/// For one class, the predicted probability of the foreground is compared with the observed share
/// of foreground; for several, the probability of the predicted class with the accuracy.
public struct Calibration: Sendable, Codable, Equatable {
    /// The pixels whose probability lies in one interval; all intervals are equally wide.
    public struct Bin: Sendable, Codable, Equatable {
        /// The interval's ends; the last includes 1.
        public var from: Double, to: Double
        /// Pixels in it.
        public var pixels: Int
        /// Their mean probability; nil without pixels.
        public var probability: Double?
        /// The share that is foreground or, with several classes, predicted correctly; nil without
        /// pixels.
        public var share: Double?
    }

    /// The reliability diagram.
    public var bins: [Bin]
    /// Expected calibration error: the mean over pixels of the bins' |probability − share|.
    public var expectedError: Double
    /// The mean of (p − t)², summed over the classes if there are several.
    public var brier: Double

    private enum CodingKeys: String, CodingKey {
        case bins, expectedError = "ece", brier
    }
}

/// Accumulates calibration statistics picture by picture.
package struct CalibrationSum: Sendable, Codable, Equatable {
    /// The usual number of bins.
    static let binCount = 15
    private var pixels = [Int](repeating: 0, count: binCount)
    private var probabilities = [Double](repeating: 0, count: binCount)
    private var right = [Double](repeating: 0, count: binCount)
    private var squares = 0.0

    /// Adds the pixels of another sum.
    mutating func add(_ other: CalibrationSum) {
        for bin in 0..<Self.binCount {
            pixels[bin] += other.pixels[bin]
            probabilities[bin] += other.probabilities[bin]
            right[bin] += other.right[bin]
        }
        squares += other.squares
    }

    /// Adds a picture's logits and its truth. Unlabelled pixels are left out.
    mutating func add(_ logits: Logits, _ picture: Int, _ target: Sample.Target, ignoring ignored: Int?) {
        let area = logits.area
        let p = logits.classes == 1 ? logits.foreground(picture) : logits.probabilities(picture)
        switch target {
        case .binary(let truth):
            for i in 0..<area where truth[picture * area + i] >= 0 {
                let (p, t) = (Double(p[i]), truth[picture * area + i] >= 0.5 ? 1.0 : 0)
                squares += (p - t) * (p - t)
                add(p, t)
            }
        case .labels(let truth):
            for i in 0..<area where ignored != Int(truth[picture * area + i]) {
                let label = Int(truth[picture * area + i])
                var (best, greatest) = (0, -1.0)
                for c in 0..<logits.classes {
                    let value = Double(p[c * area + i]), t = c == label ? 1.0 : 0
                    squares += (value - t) * (value - t)
                    if value > greatest { (best, greatest) = (c, value) }
                }
                add(greatest, best == label ? 1 : 0)
            }
        }
    }

    private mutating func add(_ p: Double, _ isRight: Double) {
        let bin = min(Int(p * Double(Self.binCount)), Self.binCount - 1)
        pixels[bin] += 1
        probabilities[bin] += p
        right[bin] += isRight
    }

    var calibration: Calibration {
        let count = Double(max(pixels.reduce(0, +), 1))
        let bins = pixels.indices.map { i in
            let n = Double(pixels[i])
            return Calibration.Bin(
                from: Double(i) / Double(Self.binCount), to: Double(i + 1) / Double(Self.binCount), pixels: pixels[i],
                probability: pixels[i] > 0 ? probabilities[i] / n : nil, share: pixels[i] > 0 ? right[i] / n : nil)
        }
        let error = pixels.indices.reduce(0.0) { $0 + abs(probabilities[$1] - right[$1]) }
        return Calibration(bins: bins, expectedError: error / count, brier: squares / count)
    }
}
