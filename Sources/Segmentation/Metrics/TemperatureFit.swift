#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Fits the temperature, the number that logits are divided by, to pixels with known truth
/// (temperature scaling, Guo et al. 2017).
struct TemperatureFit: Sendable {
    /// Classes; 1 is foreground against background.
    let classes: Int
    /// pixels × classes.
    private(set) var logits: [Float] = []
    /// Each pixel's label.
    private(set) var labels: [UInt8] = []

    /// The number of evenly spread pixels that are taken from a picture, about.
    static let pixelsOfPicture = 4096

    init(classes: Int) { self.classes = classes }

    /// Adds pixels of a picture. Unlabelled ones are left out.
    mutating func add(_ values: Logits, _ picture: Int, _ target: Sample.Target, ignoring ignored: Int?) {
        let area = values.area, step = max(1, area / Self.pixelsOfPicture)
        for i in stride(from: step / 2, to: area, by: step) {
            switch target {
            case .binary(let truth):
                guard truth[picture * area + i] >= 0 else { continue }
                labels.append(truth[picture * area + i] >= 0.5 ? 1 : 0)
            case .labels(let truth):
                guard ignored != Int(truth[picture * area + i]) else { continue }
                labels.append(truth[picture * area + i])
            }
            for c in 0..<classes { logits.append(values.values[(picture * classes + c) * area + i]) }
        }
    }

    /// Adds another's pixels.
    mutating func add(_ other: TemperatureFit) {
        logits += other.logits
        labels += other.labels
    }

    /// The mean negative log-likelihood, in nats, of logits divided by a temperature.
    func loss(_ temperature: Double) -> Double {
        var sum = 0.0
        for (pixel, label) in labels.enumerated() {
            if classes == 1 {
                let x = Double(logits[pixel]) / temperature
                sum += max(x, 0) - (label > 0 ? x : 0) + log1p(exp(-abs(x)))
            } else {
                let own = logits[pixel * classes..<(pixel + 1) * classes]
                let greatest = Double(own.max() ?? 0) / temperature
                var total = 0.0
                for value in own { total += exp(Double(value) / temperature - greatest) }
                sum += greatest + log(total) - Double(own[own.startIndex + Int(label)]) / temperature
            }
        }
        return sum / Double(max(labels.count, 1))
    }

    /// The temperature from 0.05 to 20 with the least loss, found by golden-section search. The
    /// loss has a single minimum.
    var best: Double {
        let ratio = (5.0.squareRoot() - 1) / 2
        var (low, high) = (log(0.05), log(20.0))
        var (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
        var (atA, atB) = (loss(exp(a)), loss(exp(b)))
        while high - low > 1e-4 {
            if atA <= atB {
                (high, b, atB) = (b, a, atA)
                a = high - ratio * (high - low)
                atA = loss(exp(a))
            } else {
                (low, a, atA) = (a, b, atB)
                b = low + ratio * (high - low)
                atB = loss(exp(b))
            }
        }
        return exp((low + high) / 2)
    }
}
