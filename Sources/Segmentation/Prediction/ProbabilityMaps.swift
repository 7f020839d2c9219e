#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The class probabilities of each pixel of a batch. If they are the mean of several passes, the
/// mean of the passes' entropies comes with them.
public struct ProbabilityMaps: Sendable {
    /// Planes of a picture: the foreground's probability for one class, otherwise every class's;
    /// for several passes also the mean of their entropies, in nats.
    public let maps: Int
    /// Classes; 1 is foreground against background.
    public let classes: Int
    /// Rows and columns.
    public let size: PlaneSize
    /// [batch, maps, rows, columns], row-major. A picture whose logits are not all finite is NaN.
    public let values: [Float]

    /// The planes of each picture: one for each class, and with several passes one for the entropy.
    static func count(classes: Int, passes: Int) -> Int { classes + (passes > 1 ? 1 : 0) }

    /// Values [batch, maps, rows, columns].
    init(_ values: [Float], maps: Int, classes: Int, size: PlaneSize) {
        (self.values, self.maps, self.classes, self.size) = (values, maps, classes, size)
    }

    /// The probabilities of a network's own answer.
    package init(_ logits: Logits) {
        let finite = (0..<logits.batch).map { logits.isFinite($0) }
        let values = (0..<logits.batch).flatMap { picture -> [Float] in
            guard finite[picture] else { return [Float](repeating: .nan, count: logits.classes * logits.area) }
            return logits.classes == 1 ? logits.foreground(picture) : logits.probabilities(picture)
        }
        self.init(values, maps: logits.classes, classes: logits.classes, size: PlaneSize(height: logits.height, width: logits.width))
    }

    /// A picture's planes, maps × rows × columns.
    func picture(_ index: Int) -> [Float] {
        values.count == maps * size.count ? values : Array(values[index * maps * size.count..<(index + 1) * maps * size.count])
    }

    /// False for a picture whose logits are not all finite.
    func isFinite(_ index: Int) -> Bool { values[index * maps * size.count].isFinite }

    /// True if the logits of all pictures are finite.
    var isFinite: Bool { (0..<values.count / (maps * size.count)).allSatisfy { isFinite($0) } }

    /// The labels of `area` pixels, from their planes: for one class 1 where the foreground is at
    /// least as probable as `threshold`.
    static func labels(_ planes: [Float], classes: Int, area: Int, threshold: Float) -> [UInt8] {
        guard classes > 1 else { return planes.prefix(area).map { $0 >= threshold ? 1 : 0 } }
        var labels = [UInt8](repeating: 0, count: area)
        planes.withUnsafeBufferPointer { planes in
            for i in 0..<area {
                var greatest = planes[i]
                for c in 1..<classes where planes[c * area + i] > greatest {
                    (greatest, labels[i]) = (planes[c * area + i], UInt8(truncatingIfNeeded: c))
                }
            }
        }
        return labels
    }
}

extension Logits {
    /// The logits of one picture's probabilities, [classes, rows, columns]. Planes of `maps` after
    /// the classes are ignored.
    package init(probabilities maps: [Float], classes: Int, size: PlaneSize) {
        // Near 1 the difference from 1 is lost to rounding, so log odds end at about 17.
        let values = maps.prefix(classes * size.count).map {
            classes == 1 ? Self.logOdds($0, max(1 - $0, .ulpOfOne / 4)) : Self.logarithm($0)
        }
        self.init(values, batch: 1, classes: classes, height: size.height, width: size.width)
    }

    /// log p − log q for q = 1 − p.
    static func logOdds(_ p: Float, _ q: Float) -> Float { logarithm(p) - logarithm(q) }

    /// The natural logarithm, finite also at 0. NaN stays NaN.
    static func logarithm(_ p: Float) -> Float { log(p < .leastNormalMagnitude ? .leastNormalMagnitude : p) }
}
