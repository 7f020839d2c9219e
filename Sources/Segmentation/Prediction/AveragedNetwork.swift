/// A network that averages the probabilities of several passes: each network of an ensemble sees
/// each view of the pictures. Its logits are those of the mean probabilities, so it can replace a
/// single network anywhere.
struct AveragedNetwork: InferenceNetwork {
    /// A network of the ensemble.
    struct Member: Sendable {
        let network: any InferenceNetwork
        /// Its logits are divided by this.
        let temperature: Float

        func answer(_ images: [Float], batch: Int, height: Int, width: Int) throws -> Logits {
            let values = try network.logits(images, batch: batch, height: height, width: width)
            return Logits(values.map { $0 / temperature }, batch: batch, classes: network.classes, height: height, width: width)
        }
    }

    let members: [Member]
    let views: [PictureView]

    /// Passes for each picture.
    var passes: Int { members.count * views.count }

    var classes: Int { members[0].network.classes }
    var inputChannels: Int { members[0].network.inputChannels }
    var sizeMultiple: Int { members.map(\.network.sizeMultiple).max() ?? 1 }

    /// The number of pictures to aim at in one pass; views are grouped up to it.
    private static let most = 8

    func sideBySide(_ count: Int, _ body: @Sendable (_ index: Int) -> Void) { members[0].network.sideBySide(count, body) }

    func firstNonFiniteLayer(_ images: [Float], batch: Int, height: Int, width: Int) -> String? {
        for member in members {
            if let layer = member.network.firstNonFiniteLayer(images, batch: batch, height: height, width: width) { return layer }
        }
        return nil
    }

    func logits(_ images: [Float], batch: Int, height: Int, width: Int) throws -> [Float] {
        guard passes > 1 else { return try members[0].answer(images, batch: batch, height: height, width: width).values }
        let mean = try mean(images, batch: batch, size: PlaneSize(height: height, width: width))
        let area = height * width
        return (0..<batch).flatMap { picture -> [Float] in
            let first = picture * mean.planes * area
            guard classes == 1 else { return mean.values[first..<first + classes * area].map(Logits.logarithm) }
            return (first..<first + area).map { Logits.logOdds(mean.values[$0], mean.values[$0 + area]) }
        }
    }

    func maps(_ images: [Float], batch: Int, height: Int, width: Int) throws -> ProbabilityMaps {
        let size = PlaneSize(height: height, width: width)
        guard passes > 1 else { return ProbabilityMaps(try members[0].answer(images, batch: batch, height: height, width: width)) }
        let mean = try mean(images, batch: batch, size: size)
        let values = (0..<batch).flatMap { picture -> [Float] in
            let first = picture * mean.planes * size.count
            let probabilities = mean.values[first..<first + classes * size.count]
            return Array(probabilities) + mean.entropy[picture * size.count..<(picture + 1) * size.count]
        }
        return ProbabilityMaps(values, maps: classes + 1, classes: classes, size: size)
    }

    /// The mean probabilities, [batch, planes, rows, columns], and the mean of the passes'
    /// entropies. The planes are the classes or, for one class, the foreground and the background.
    private func mean(_ images: [Float], batch: Int, size: PlaneSize) throws -> (values: [Float], planes: Int, entropy: [Float]) {
        let planes = max(classes, 2)
        var sum = Sum(
            values: [Float](repeating: 0, count: batch * planes * size.count), entropy: [Float](repeating: 0, count: batch * size.count),
            classes: classes, area: size.count)
        for member in members {
            for turned in [false, true] {
                let group = views.filter { $0.transposes == turned }
                let step = max(1, Self.most / batch)
                for start in stride(from: 0, to: group.count, by: step) {
                    try add(Array(group[start..<min(start + step, group.count)]), of: images, batch, size, member, to: &sum)
                }
            }
        }
        let share = 1 / Float(passes)
        return (sum.values.map { $0 * share }, planes, sum.entropy.map { $0 * share })
    }

    /// Adds one pass of a network over some views of all pictures. The views have one shape.
    private func add(
        _ views: [PictureView], of images: [Float], _ batch: Int, _ size: PlaneSize, _ member: Member, to sum: inout Sum
    ) throws {
        let places = views.map { $0.places(height: size.height, width: size.width) }
        let seen = views[0].transposes ? PlaneSize(height: size.width, width: size.height) : size
        let logits = try member.answer(
            places.flatMap { Self.view(images, $0) }, batch: views.count * batch, height: seen.height, width: seen.width)
        for (view, places) in places.enumerated() {
            for picture in 0..<batch { sum.add(logits, view * batch + picture, as: picture, places) }
        }
    }

    /// Rearranges the pixels of planes as a view has them.
    private static func view(_ planes: [Float], _ places: [Int]) -> [Float] {
        [Float](unsafeUninitializedCapacity: planes.count) { view, count in
            planes.withUnsafeBufferPointer { planes in
                for first in stride(from: 0, to: planes.count, by: places.count) {
                    for (pixel, place) in places.enumerated() { view[first + place] = planes[first + pixel] }
                }
            }
            count = planes.count
        }
    }

    /// Sums over passes.
    private struct Sum {
        var values: [Float]
        var entropy: [Float]
        let classes: Int
        let area: Int

        /// Adds a picture's probabilities, moved back from their places in the view; NaN if a logit
        /// is not finite.
        mutating func add(_ logits: Logits, _ index: Int, as picture: Int, _ places: [Int]) {
            let (area, planes) = (area, max(classes, 2))
            let to = picture * planes * area
            guard logits.isFinite(index) else {
                for i in to..<to + planes * area { values[i] = .nan }
                return
            }
            let probabilities = classes == 1 ? logits.foreground(index) + logits.background(index) : logits.probabilities(index)
            var p = [Float](repeating: 0, count: planes)
            probabilities.withUnsafeBufferPointer { probabilities in
                for (pixel, place) in places.enumerated() {
                    for c in 0..<planes { p[c] = probabilities[c * area + place] }
                    entropy[picture * area + pixel] += Doubt.entropy(p)
                    for c in 0..<planes { values[to + c * area + pixel] += p[c] }
                }
            }
        }
    }
}
