import Imaging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Varies a prepared training sample by ``AugmentationSettings``: deforms it, changes its contrast,
/// brightness and gamma, blurs it and adds noise, in this order. Masks take the nearest pixel.
package struct SampleVariation: Sendable, Equatable {
    /// The strengths.
    package var settings: AugmentationSettings
    /// The least and the greatest value; nil for each channel's own.
    package var range: ClosedRange<Float>?

    /// A variation of samples with values in `range`.
    package init(_ settings: AugmentationSettings, range: ClosedRange<Float>?) { (self.settings, self.range) = (settings, range) }

    /// One sample's random strengths; nil where the sample is left alone.
    struct Draw: Sendable, Equatable {
        var elastic: Double?
        var brightness: Double?, contrast: Double?, gamma: Double?
        var blur: Double?, noise: Double?
    }

    /// Always draws the same count of numbers, so that one outcome does not change another.
    func draw(_ random: CounterRandom) -> Draw {
        var random = random
        func strength(_ limit: Double, _ value: (Double) -> Double) -> Double? {
            let (happens, share) = (random.chance(settings.probability), random.uniform())
            return happens && limit > 0 ? value(share) : nil
        }
        return Draw(
            elastic: strength(settings.elastic) { $0 * settings.elastic },
            brightness: strength(settings.brightness) { (2 * $0 - 1) * settings.brightness },
            contrast: strength(settings.contrast) { 1 + (2 * $0 - 1) * settings.contrast },
            gamma: strength(settings.gamma) { pow(1 + settings.gamma, 2 * $0 - 1) },
            blur: strength(settings.blur) { $0 * settings.blur },
            noise: strength(settings.noise) { $0 * settings.noise })
    }

    // Fields of numbers begin far behind the strengths, and far apart.
    private static let elasticNumbers: UInt64 = 1 << 32
    private static let noiseNumbers: UInt64 = 1 << 40

    /// The sample varied with these random numbers.
    package func applied(to sample: Sample, _ random: CounterRandom) -> Sample {
        let draw = draw(random)
        guard draw != Draw() else { return sample }
        var (sample, fields) = (sample, random)
        if let amplitude = draw.elastic {
            fields.counter = Self.elasticNumbers
            let noise = (0..<2 * sample.height * sample.width).map { _ in Float(fields.uniform(in: -1..<1)) }
            sample = Deformation(
                noise: noise, height: sample.height, width: sample.width, amplitude: amplitude, sigma: settings.elasticSigma
            ).applied(to: sample)
        }
        let area = sample.height * sample.width
        for channel in 0..<sample.channels {
            let plane = channel * area..<(channel + 1) * area
            let range = self.range ?? Self.extremes(sample.image[plane])
            var values = Array(sample.image[plane])
            Self.recolor(&values, draw, range)
            if let sigma = draw.blur { values = GaussianBlur(sigma: sigma).applied(to: values, height: sample.height, width: sample.width) }
            if let strength = draw.noise {
                fields.counter = Self.noiseNumbers + 2 * UInt64(plane.lowerBound)
                let deviation = Float(strength) * (range.upperBound - range.lowerBound)
                for i in values.indices { values[i] += deviation * Float(fields.normal()) }
            }
            for i in values.indices { values[i] = min(range.upperBound, max(range.lowerBound, values[i])) }
            sample.image.replaceSubrange(plane, with: values)
        }
        return sample
    }

    /// Contrast and brightness as in albumentations' `RandomBrightnessContrast` (by the greatest
    /// value), then gamma as in MONAI's `AdjustContrast`.
    static func recolor(_ values: inout [Float], _ draw: Draw, _ range: ClosedRange<Float>) {
        let (least, extent) = (range.lowerBound, range.upperBound - range.lowerBound)
        guard extent > 0 else { return }
        if draw.contrast != nil || draw.brightness != nil {
            let (gain, shift) = (Float(draw.contrast ?? 1), Float(draw.brightness ?? 0) * extent)
            for i in values.indices { values[i] = min(range.upperBound, max(least, (values[i] - least) * gain + least + shift)) }
        }
        if let gamma = draw.gamma.map(Float.init) {
            for i in values.indices { values[i] = pow(min(1, max(0, (values[i] - least) / extent)), gamma) * extent + least }
        }
    }

    private static func extremes(_ values: ArraySlice<Float>) -> ClosedRange<Float> {
        var (least, greatest) = (Float.infinity, -Float.infinity)
        for value in values { (least, greatest) = (min(least, value), max(greatest, value)) }
        return least <= greatest ? least...greatest : 0...0
    }
}

/// A Gaussian blur, as SciPy's `gaussian_filter(sigma, mode="mirror")` computes it: cut off at four
/// standard deviations, the map mirrored about the centres of its outermost pixels.
struct GaussianBlur {
    /// The weights of a pixel and its neighbours on either side.
    private let kernel: [Float]
    private var radius: Int { kernel.count / 2 }

    init(sigma: Double) {
        let radius = sigma > 0 ? Int(4 * sigma + 0.5) : 0
        let weights = (-radius...radius).map { sigma > 0 ? exp(-0.5 * Double($0 * $0) / (sigma * sigma)) : 1 }
        let sum = weights.reduce(0, +)
        kernel = weights.map { Float($0 / sum) }
    }

    /// A blurred map, height × width.
    func applied(to values: [Float], height: Int, width: Int) -> [Float] {
        guard radius > 0 else { return values }
        return alongColumns(alongRows(values, height, width), height, width)
    }

    private func alongRows(_ values: [Float], _ height: Int, _ width: Int) -> [Float] {
        var out = [Float](repeating: 0, count: values.count)
        let sources = (-radius..<width + radius).map { Self.mirrored($0, width) }
        var line = [Float](repeating: 0, count: sources.count)
        for y in 0..<height {
            for (i, x) in sources.enumerated() { line[i] = values[y * width + x] }
            for (k, weight) in kernel.enumerated() {
                for x in 0..<width { out[y * width + x] += weight * line[x + k] }
            }
        }
        return out
    }

    private func alongColumns(_ values: [Float], _ height: Int, _ width: Int) -> [Float] {
        var out = [Float](repeating: 0, count: values.count)
        for y in 0..<height {
            for (k, weight) in kernel.enumerated() {
                let source = Self.mirrored(y + k - radius, height) * width
                for x in 0..<width { out[y * width + x] += weight * values[source + x] }
            }
        }
        return out
    }

    /// A place, mirrored about the first and the last pixel into 0 ..< count.
    private static func mirrored(_ place: Int, _ count: Int) -> Int {
        guard count > 1 else { return 0 }
        let period = 2 * (count - 1)
        let folded = ((place % period) + period) % period
        return min(folded, period - folded)
    }
}

/// Moves every pixel by smoothed noise (Simard et al., 2003): values are interpolated bilinearly,
/// masks take the nearest pixel, and places beyond the edge have its last pixel.
struct Deformation {
    private let height: Int, width: Int
    /// Each pixel's source.
    private let rows: [Float], columns: [Float]

    /// - Parameter noise: Uniform in −1…1, for rows and then for columns: [2, height, width].
    init(noise: [Float], height: Int, width: Int, amplitude: Double, sigma: Double) {
        (self.height, self.width) = (height, width)
        let (area, blur) = (height * width, GaussianBlur(sigma: sigma))
        func moved(_ noise: ArraySlice<Float>, _ last: Int, _ place: (Int) -> Int) -> [Float] {
            blur.applied(to: Array(noise), height: height, width: width).enumerated().map { i, shift in
                min(Float(last), max(0, Float(place(i)) + Float(amplitude) * shift))
            }
        }
        rows = moved(noise[..<area], height - 1) { $0 / width }
        columns = moved(noise[area...], width - 1) { $0 % width }
    }

    func applied(to sample: Sample) -> Sample {
        var sample = sample
        let area = height * width
        sample.image = (0..<sample.channels).flatMap { bilinear(sample.image[$0 * area..<($0 + 1) * area]) }
        switch sample.target {
        case .binary(let plane): sample.target = .binary(nearest(plane))
        case .labels(let plane): sample.target = .labels(nearest(plane))
        }
        return sample
    }

    private func bilinear(_ plane: ArraySlice<Float>) -> [Float] {
        let first = plane.startIndex
        return rows.indices.map { i in
            let (y, x) = (rows[i], columns[i])
            let (y0, x0) = (Int(y), Int(x))
            let (y1, x1) = (min(y0 + 1, height - 1), min(x0 + 1, width - 1))
            let (fy, fx) = (y - Float(y0), x - Float(x0))
            func at(_ y: Int, _ x: Int) -> Float { plane[first + y * width + x] }
            let above = at(y0, x0) * (1 - fx) + at(y0, x1) * fx
            let below = at(y1, x0) * (1 - fx) + at(y1, x1) * fx
            return above * (1 - fy) + below * fy
        }
    }

    private func nearest<Value>(_ plane: [Value]) -> [Value] {
        rows.indices.map { i in plane[Int(rows[i] + 0.5) * width + Int(columns[i] + 0.5)] }
    }
}
