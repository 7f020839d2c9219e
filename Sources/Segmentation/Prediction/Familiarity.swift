import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Detects pictures unlike the training pictures, by the Mahalanobis distance of sixteen simple
/// image features.
///
/// The features are computed at 64×64 pixels, stretched to 0…1: each channel's mean and deviation,
/// the channels' correlations, the logarithm of the mean difference between pixels 1, 2, 4 and 8
/// apart, and each channel's mean in the middle minus that around it. They do not depend on the
/// network: a picture can be close to the training pictures and still be segmented wrongly.
public struct Familiarity: Sendable, Equatable {
    /// The features' means over the training pictures.
    let mean: [Double]
    /// The inverse of their covariance, row-major.
    let precision: [Double]
    /// The distance within which 99 of 100 training pictures lie.
    public let limit: Double

    /// The number of features.
    static let count = 16
    private static let side = 64
    /// The share of training pictures within ``limit``.
    private static let share = 0.99
    /// The fewest pictures that the distribution of sixteen features is fitted to.
    package static let fewest = 100

    /// Fits the distribution to the features of pictures; nil for fewer than ``fewest``.
    package init?(_ pictures: [[Double]]) {
        let (n, d) = (pictures.count, Self.count)
        guard n >= Self.fewest else { return nil }
        let mean = (0..<d).map { i in pictures.reduce(0) { $0 + $1[i] } / Double(n) }
        var covariance = [Double](repeating: 0, count: d * d)
        for picture in pictures {
            for i in 0..<d { for j in 0..<d { covariance[i * d + j] += (picture[i] - mean[i]) * (picture[j] - mean[j]) / Double(n - 1) } }
        }
        // A thousandth of the mean variance keeps features that hardly vary from dominating.
        let least = (0..<d).reduce(0) { $0 + covariance[$1 * d + $1] } / Double(d) * 1e-3
        for i in 0..<d { covariance[i * d + i] += least }
        guard let precision = Self.inverse(covariance, d) else { return nil }
        let distances = pictures.map { Self.distance($0, mean, precision) }.sorted()
        self.init(mean: mean, precision: precision, limit: PairedBootstrap.quantile(distances, Self.share))
    }

    /// Fits the distribution to the pictures of a set; nil if it has fewer than ``fewest``.
    package init?(of set: any SegmentationDataset) throws {
        let numbers = try Parallel.map(set.count) { index in
            Result { try set.picture(at: index).map(Self.numbers) }
        }.compactMap { try $0.get() }
        self.init(numbers)
    }

    private init(mean: [Double], precision: [Double], limit: Double) {
        (self.mean, self.precision, self.limit) = (mean, precision, limit)
    }

    /// A picture's distance from the training pictures.
    public func distance(of picture: Picture) -> Double { Self.distance(Self.numbers(of: picture), mean, precision) }

    private static func distance(_ numbers: [Double], _ mean: [Double], _ precision: [Double]) -> Double {
        let d = mean.count
        var sum = 0.0
        for i in 0..<d { for j in 0..<d { sum += (numbers[i] - mean[i]) * precision[i * d + j] * (numbers[j] - mean[j]) } }
        return max(sum, 0).squareRoot()
    }

    /// A picture's sixteen features.
    package static func numbers(of picture: Picture) -> [Double] {
        let area = side * side
        let planes = Preprocessing.stretched(picture, height: side, width: side).map { Double($0) / 255 }
        func plane(_ c: Int) -> ArraySlice<Double> { planes[c * area..<(c + 1) * area] }
        let means = (0..<3).map { plane($0).reduce(0, +) / Double(area) }
        func covariance(_ a: Int, _ b: Int) -> Double {
            zip(plane(a), plane(b)).reduce(0) { $0 + ($1.0 - means[a]) * ($1.1 - means[b]) } / Double(area)
        }
        let deviations = (0..<3).map { covariance($0, $0).squareRoot() }
        let correlations = [(0, 1), (0, 2), (1, 2)].map { covariance($0.0, $0.1) / max(deviations[$0.0] * deviations[$0.1], 1e-4) }
        let grey = (0..<area).map { (planes[$0] + planes[area + $0] + planes[2 * area + $0]) / 3 }
        let differences = [1, 2, 4, 8].map { step -> Double in
            var (across, down) = (0.0, 0.0)
            for y in 0..<side { for x in step..<side { across += abs(grey[y * side + x] - grey[y * side + x - step]) } }
            for y in step..<side { for x in 0..<side { down += abs(grey[y * side + x] - grey[(y - step) * side + x]) } }
            return log((across + down) / Double(side * (side - step)) + 1e-3)
        }
        let middles = (0..<3).map { c -> Double in
            var (inside, all) = (0.0, 0.0)
            for y in 0..<side {
                for x in 0..<side {
                    let value = planes[c * area + y * side + x]
                    all += value
                    if (side / 4..<side * 3 / 4).contains(y), (side / 4..<side * 3 / 4).contains(x) { inside += value }
                }
            }
            return inside / Double(area / 4) - (all - inside) / Double(area * 3 / 4)
        }
        return means + deviations + correlations + differences + middles
    }

    /// The inverse of a symmetric positive definite matrix by Gauss–Jordan elimination; nil if the
    /// matrix is singular.
    private static func inverse(_ matrix: [Double], _ d: Int) -> [Double]? {
        var (a, result) = (matrix, [Double](repeating: 0, count: d * d))
        for i in 0..<d { result[i * d + i] = 1 }
        for column in 0..<d {
            let pivot = a[column * d + column]
            guard pivot > 1e-15 else { return nil }
            for j in 0..<d {
                a[column * d + j] /= pivot
                result[column * d + j] /= pivot
            }
            for row in 0..<d where row != column {
                let factor = a[row * d + column]
                for j in 0..<d {
                    a[row * d + j] -= factor * a[column * d + j]
                    result[row * d + j] -= factor * result[column * d + j]
                }
            }
        }
        return result
    }
}

extension Familiarity: CustomStringConvertible {
    /// Reads the numbers that ``description`` writes; nil for anything else.
    public init?(_ text: String) {
        let d = Self.count
        guard text.utf8.count < 1 << 14 else { return nil }
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        let values = numbers.compactMap(\.self)
        guard numbers.count == 1 + d + d * d, values.count == numbers.count, values.allSatisfy(\.isFinite), values[0] > 0
        else { return nil }
        self.init(mean: Array(values[1...d]), precision: Array(values[(1 + d)...]), limit: values[0])
    }

    /// The limit, the means and the inverse covariance, joined by commas.
    public var description: String {
        ([limit] + mean + precision).map { "\(Float($0))" }.joined(separator: ",")
    }
}
