#if hasFeature(Embedded)
    import CMath

    private func exp(_ x: Float) -> Float { expf(x) }
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A network's output for a batch. This is the only place where logits become probabilities and
/// labels.
public struct Logits: Sendable {
    /// [batch, classes, height, width], row-major.
    public let values: [Float]
    /// Pictures.
    public let batch: Int
    /// Classes; 1 is foreground against background.
    public let classes: Int
    /// Rows of a picture.
    public let height: Int
    /// Columns of a picture.
    public let width: Int

    /// Values [batch, classes, height, width], row-major.
    public init(_ values: [Float], batch: Int, classes: Int, height: Int, width: Int) {
        precondition(
            values.count == batch * classes * height * width,
            "Logits: expected \(batch)×\(classes)×\(height)×\(width) values, got \(values.count)")
        self.values = values
        (self.batch, self.classes, self.height, self.width) = (batch, classes, height, width)
    }

    /// Pixels of a picture.
    public var area: Int { height * width }

    /// True if no value is NaN or infinite.
    public var isFinite: Bool { values.allSatisfy { $0.isFinite } }

    /// True if no value of a picture is NaN or infinite.
    func isFinite(_ picture: Int) -> Bool {
        values[picture * classes * area..<(picture + 1) * classes * area].allSatisfy(\.isFinite)
    }

    /// A one-class network's result for a picture, [height, width]: the foreground's probability.
    public func foreground(_ picture: Int) -> [Float] {
        precondition(classes == 1, "Logits: \(classes) classes have no one foreground")
        return values[picture * area..<(picture + 1) * area].map(Self.sigmoid)
    }

    /// A one-class network's result for a picture, [height, width]: the background's probability,
    /// which is exact where 1 minus the foreground's is lost to rounding.
    func background(_ picture: Int) -> [Float] { values[picture * area..<(picture + 1) * area].map { Self.sigmoid(-$0) } }

    /// A several-class network's result for a picture, [classes, height, width]: each class's
    /// probability.
    public func probabilities(_ picture: Int) -> [Float] {
        var p = Array(values[picture * classes * area..<(picture + 1) * classes * area])
        p.withUnsafeMutableBufferPointer { p in
            for i in 0..<area {
                var greatest = -Float.infinity
                for c in 0..<classes { greatest = max(greatest, p[c * area + i]) }
                var sum: Float = 0
                for c in 0..<classes {
                    let e = exp(p[c * area + i] - greatest)
                    p[c * area + i] = e
                    sum += e
                }
                for c in 0..<classes { p[c * area + i] /= sum }
            }
        }
        return p
    }

    /// A picture's answer: the foreground's probability for one class, otherwise the class with the
    /// greatest logit.
    public func answer(_ picture: Int) -> Answer {
        guard classes > 1 else { return .foreground(foreground(picture)) }
        let first = picture * classes * area
        var labels = [UInt8](repeating: 0, count: area)
        values.withUnsafeBufferPointer { values in
            for i in 0..<area {
                var (best, greatest) = (0, values[first + i])
                for c in 1..<classes where values[first + c * area + i] > greatest {
                    (best, greatest) = (c, values[first + c * area + i])
                }
                labels[i] = UInt8(truncatingIfNeeded: best)
            }
        }
        return .labels(labels)
    }

    /// 1 / (1 + e^−x).
    static func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
}

/// A network's result for one picture, at the network's input size: [height, width].
public enum Answer: Sendable, Equatable {
    /// The foreground's probability, 0…1.
    case foreground([Float])
    /// Each pixel's class.
    case labels([UInt8])

    /// Each pixel's class; for one class, 1 if the foreground's probability is at least
    /// `threshold`.
    public func labels(threshold: Float) -> [UInt8] {
        switch self {
        case .foreground(let p): p.map { $0 >= threshold ? 1 : 0 }
        case .labels(let labels): labels
        }
    }
}
