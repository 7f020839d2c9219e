#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension SegmentationLoss {
    /// The weighted sum of ``terms`` for a batch.
    func termsValue(_ logits: Logits, _ target: Sample.Target) -> Double {
        guard !terms.areOff else { return 0 }
        let planes = LossPlanes(logits, target, ignoring: ignoredLabel)
        var sum = 0.0
        if terms.focal != 0 { sum += terms.focal * focal(planes, logits) }
        if terms.tversky != 0 { sum += terms.tversky * tversky(planes) }
        if terms.boundary != 0 {
            let distances = target.signedDistances(classes: logits.classes, height: logits.height, width: logits.width)
            sum += terms.boundary * boundary(planes, distances)
        }
        if terms.centerlineDice != 0 { sum += terms.centerlineDice * centerlineDice(planes) }
        return sum
    }

    /// The mean over labelled pixels, weighted by class if there are several.
    private func focal(_ planes: LossPlanes, _ logits: Logits) -> Double {
        var (sum, weight) = (0.0, 0.0)
        for picture in 0..<planes.batch {
            for i in 0..<planes.area where planes.counts[picture * planes.area + i] {
                if planes.classes == 1 {
                    let place = picture * planes.area + i
                    let (x, t) = (Double(logits.values[place]), planes.truth[place])
                    let crossEntropy = max(x, 0) - x * t + log1p(exp(-abs(x)))
                    let share = terms.focalAlpha.map { t * $0 + (1 - t) * (1 - $0) } ?? 1
                    // (1 − p)^γ, with p between the two classes' where the truth is soft.
                    sum += share * exp(terms.focalGamma * -log1p(exp(x * (2 * t - 1)))) * crossEntropy
                    weight += 1
                } else {
                    for c in 0..<planes.classes where planes.truth[planes.place(picture, c, i)] == 1 {
                        let w = classWeights?[c] ?? 1
                        let p = planes.probability[planes.place(picture, c, i)]
                        sum += w * pow(1 - p, terms.focalGamma) * -log(max(p, .leastNormalMagnitude))
                        weight += w
                    }
                }
            }
        }
        return weight > 0 ? sum / weight : 0
    }

    /// For one class, the mean of the pictures' losses; for several, the mean of the classes'
    /// losses, each over the whole batch.
    private func tversky(_ planes: LossPlanes) -> Double {
        func loss(_ places: [(picture: Int, class: Int)]) -> Double {
            var (both, onlyPredicted, onlyTrue) = (0.0, 0.0, 0.0)
            for (picture, c) in places {
                for i in 0..<planes.area where planes.counts[picture * planes.area + i] {
                    let (p, t) = (planes.probability[planes.place(picture, c, i)], planes.truth[planes.place(picture, c, i)])
                    both += p * t
                    onlyPredicted += p * (1 - t)
                    onlyTrue += (1 - p) * t
                }
            }
            let smoothing = LossTerms.tverskySmoothing
            return 1 - (both + smoothing)
                / (both + terms.tverskyAlpha * onlyPredicted + terms.tverskyBeta * onlyTrue + smoothing)
        }
        let pictures = 0..<planes.batch
        let groups = planes.classes == 1 ? pictures.map { [($0, 0)] } : (0..<planes.classes).map { c in pictures.map { ($0, c) } }
        return groups.reduce(0) { $0 + loss($1) } / Double(max(groups.count, 1))
    }

    /// The mean over labelled pixels and over classes; of several classes the background is left
    /// out.
    private func boundary(_ planes: LossPlanes, _ distances: [Float]) -> Double {
        var (sum, counted) = (0.0, 0)
        for picture in 0..<planes.batch {
            for c in planes.foreground {
                for i in 0..<planes.area where planes.counts[picture * planes.area + i] {
                    sum += planes.probability[planes.place(picture, c, i)] * Double(distances[planes.place(picture, c, i)])
                    counted += 1
                }
            }
        }
        return sum / Double(max(counted, 1))
    }

    /// The mean over pictures. A picture's sums run over all classes but the background.
    private func centerlineDice(_ planes: LossPlanes) -> Double {
        let smoothing = LossTerms.centerlineSmoothing
        var sum = 0.0
        for picture in 0..<planes.batch {
            var (predicted, predictedAndTrue, skeleton, skeletonAndPredicted) = (0.0, 0.0, 0.0, 0.0)
            for c in planes.foreground {
                let (p, t) = (planes.plane(planes.probability, picture, c), planes.plane(planes.truth, picture, c))
                for (s, t) in zip(p.skeleton(iterations: terms.centerlineIterations).values, t.values) {
                    predicted += s
                    predictedAndTrue += s * t
                }
                for (s, p) in zip(t.skeleton(iterations: terms.centerlineIterations).values, p.values) {
                    skeleton += s
                    skeletonAndPredicted += s * p
                }
            }
            let precision = (predictedAndTrue + smoothing) / (predicted + smoothing)
            let sensitivity = (skeletonAndPredicted + smoothing) / (skeleton + smoothing)
            sum += 1 - 2 * precision * sensitivity / (precision + sensitivity + LossTerms.harmonicSmoothing)
        }
        return sum / Double(max(planes.batch, 1))
    }
}

/// A batch's probabilities and truth, both [batch, classes, height, width] and 0 where a pixel is
/// ignored.
private struct LossPlanes {
    let batch: Int, classes: Int, height: Int, width: Int
    var probability: [Double], truth: [Double]
    /// [batch, height, width].
    var counts: [Bool]

    var area: Int { height * width }
    /// All classes; of several, the background is left out.
    var foreground: Range<Int> { classes == 1 ? 0..<1 : 1..<classes }

    init(_ logits: Logits, _ target: Sample.Target, ignoring ignored: Int?) {
        (batch, classes, height, width) = (logits.batch, logits.classes, logits.height, logits.width)
        let area = logits.height * logits.width
        probability = [Double](repeating: 0, count: logits.values.count)
        truth = probability
        switch target {
        case .binary(let plane): counts = plane.map { $0 >= 0 }
        case .labels(let plane): counts = plane.map { Int($0) != ignored }
        }
        for picture in 0..<batch {
            for i in 0..<area where counts[picture * area + i] {
                switch target {
                case .binary(let plane):
                    let place = picture * area + i
                    probability[place] = 1 / (1 + exp(-Double(logits.values[place])))
                    truth[place] = Double(plane[place])
                case .labels(let plane):
                    let places = (0..<classes).map { (picture * classes + $0) * area + i }
                    let greatest = places.map { Double(logits.values[$0]) }.max() ?? 0
                    let powers = places.map { exp(Double(logits.values[$0]) - greatest) }
                    let sum = powers.reduce(0, +)
                    for (place, power) in zip(places, powers) { probability[place] = power / sum }
                    truth[places[Int(plane[picture * area + i])]] = 1
                }
            }
        }
    }

    func place(_ picture: Int, _ c: Int, _ i: Int) -> Int { (picture * classes + c) * area + i }

    func plane(_ values: [Double], _ picture: Int, _ c: Int) -> SoftPlane {
        SoftPlane(values: Array(values[place(picture, c, 0)..<place(picture, c, 0) + area]), height: height, width: width)
    }
}

/// A map of values 0…1 under soft morphology: minima and maxima of neighbours, those beyond the
/// edge left out.
private struct SoftPlane {
    var values: [Double]
    let height: Int, width: Int

    /// The soft skeleton: the parts that an opening removes from the map and from its erosions.
    func skeleton(iterations: Int) -> SoftPlane {
        var (map, skeleton) = (self, self)
        for round in 0...iterations {
            if round > 0 { map = map.eroded() }
            let opened = map.eroded().dilated()
            for i in values.indices {
                let lost = max(0, map.values[i] - opened.values[i])
                skeleton.values[i] = round == 0 ? lost : skeleton.values[i] + max(0, lost - skeleton.values[i] * lost)
            }
        }
        return skeleton
    }

    /// Minima of the cross of five.
    private func eroded() -> SoftPlane {
        neighborhood { dy, dx in
            dy == 0 || dx == 0
        } by: {
            min($0, $1)
        }
    }

    /// Maxima of the square of nine.
    private func dilated() -> SoftPlane {
        neighborhood { _, _ in
            true
        } by: {
            max($0, $1)
        }
    }

    private func neighborhood(_ includes: (Int, Int) -> Bool, by choose: (Double, Double) -> Double) -> SoftPlane {
        var result = self
        for y in 0..<height {
            for x in 0..<width {
                for dy in max(-1, -y)...min(1, height - 1 - y) {
                    for dx in max(-1, -x)...min(1, width - 1 - x) where includes(dy, dx) {
                        result.values[y * width + x] = choose(result.values[y * width + x], values[(y + dy) * width + x + dx])
                    }
                }
            }
        }
        return result
    }
}
