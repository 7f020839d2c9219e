import ArgumentParser
import Files
import Segmentation

extension TestTimeAugmentation: ExpressibleByArgument {}

extension CleanUp: ExpressibleByArgument {
    /// Reads it like `CleanUp.init(_:)`.
    public init?(argument: String) { self.init(argument) }

    /// Reads the value of --clean-up.
    @Sendable package static func argument(_ text: String) throws -> CleanUp {
        try reading("steps such as largest,holes or least=0.5%, with rules by label 1:largest;2:least=20px; or none")(text)
    }
}

/// Tiles, views and clean-up of `predict` and `evaluate`.
package struct AnswerOptions: ParsableArguments {
    @Option(
        help: """
            Send pictures and slices through the network at their own resolution, in overlapping tiles of this height and width, instead of \
            resizing each. Default for weights that were trained on patches; --image-size then resizes.
            """)
    package var tile: Int?

    @Option(help: "The share of a tile that its neighbour covers too, 0 to 0.9. Default: 0.5.")
    package var overlap: Double?

    @Option(
        help: """
            Test-time augmentation, averaged in probabilities: flips (each picture also mirrored, 4 passes) or full (also turned by quarters, \
            8 passes).
            """)
    package var tta = TestTimeAugmentation.none

    @Option(
        help: """
            Clean-up of the labels, steps joined by commas: least=SIZE (removes smaller components; in px or %, for volumes also mm3 or ml), \
            largest (keeps one component), holes (fills holes). Rules for single classes are LABEL:STEPS, joined by semicolons. none turns it \
            off. Default: the weights' own.
            """, transform: CleanUp.argument)
    package var cleanUp: CleanUp?

    package init() {}

    package func validate() throws {
        try Require.size(tile, "--tile")
        if let overlap, !PredictionOptions.overlaps.contains(overlap) {
            throw ValidationError("--overlap: expected 0 to 0.9, got \(overlap)")
        }
    }

    /// The options as one value.
    package func prediction(measuresDoubt: Bool = false) -> PredictionOptions {
        var options = PredictionOptions()
        (options.tile, options.overlap, options.augmentation) = (tile, overlap ?? 0.5, tta)
        options.measuresDoubt = measuresDoubt
        options.cleanUp = cleanUp
        return options
    }

    /// Throws for options that contradict each other.
    package func check(imageSize: Int?) throws {
        if tile != nil, imageSize != nil {
            throw ValidationError("--tile keeps pictures' own resolution, --image-size resizes them: give one of them")
        }
    }

    /// Throws for options that would change nothing with these weights and inputs.
    package func check(_ segmenter: Segmenter, hasVolumes: Bool) throws {
        if overlap != nil, !segmenter.isTiled, !(hasVolumes && segmenter.convention.sliceFit == .spacing) {
            throw ValidationError("--overlap: is for tiles, and these weights take pictures as a whole; add --tile, or leave it out")
        }
        guard let cleanUp else { return }
        let last = max(segmenter.network.classes - 1, 1)
        if let label = cleanUp.classes.keys.filter({ Int($0) > last }).min() {
            throw ValidationError(
                "--clean-up: there is no label \(label); these weights have \(last == 1 ? "the label 1 alone" : "the labels 1 to \(last)")")
        }
        let sizes = ([cleanUp.all] + cleanUp.classes.values).compactMap(\.least)
        if !hasVolumes, let size = sizes.first(where: { if case .cubicMillimeters = $0 { true } else { false } }) {
            throw ValidationError("--clean-up: least=\(size) is for volumes, and pictures have no millimetres; give it in px or %")
        }
    }
}

extension Segmenter {
    /// "12 tiles of 256×256, 8 passes through the network" for pictures of these sizes; nil if each
    /// is one pass.
    func work(_ sizes: () throws -> [(width: Int, height: Int)]) rethrows -> String? {
        guard isTiled || passes > 1 else { return nil }
        let sizes = try sizes()
        guard !sizes.isEmpty else { return nil }
        let works = sizes.map { work(width: $0.width, height: $0.height) }
        let (tiles, passes) = (works.reduce(0) { $0 + $1.tiles }, works.reduce(0) { $0 + $1.passes })
        let parts = isTiled ? ["\(counted(tiles, "tile")) of \(imageSize)×\(imageSize)"] : []
        return "\(counted(sizes.count, "picture")): "
            + (parts + ["\(counted(passes, "pass", "passes")) through the network"]).joined(separator: ", ")
    }
}
