import ArgumentParser
import Segmentation

/// Height and width of generated or random pictures.
package struct PictureSize: ParsableArguments {
    @Option(help: "Height and width, a multiple of 32.")
    package var imageSize = 256

    package init() {}

    package func validate() throws { try Require.imageSize(imageSize) }
}

/// The options of `bench`, whichever engine it times.
package struct BenchOptions: ParsableArguments {
    @OptionGroup package var network: NetworkOptions

    @OptionGroup package var size: PictureSize

    @Option(help: "Pictures at a time.")
    package var batchSize = 1

    @Option(help: "Timed runs.")
    var runs = 10

    @Option(help: "Warm-up runs.")
    var warmUp = 3

    @OptionGroup package var compute: ComputeOptions

    @Flag(help: "Print one JSON object on standard output.")
    var json = false

    @OptionGroup package var telling: OutputOptions

    package init() {}

    package func validate() throws {
        try Require.count(batchSize, "--batch-size", upTo: 65536)
        try Require.count(runs, "--runs", upTo: 1_000_000)
        try Require.count(warmUp, "--warm-up", from: 0, upTo: 1_000_000)
    }

    package var imageSize: Int { size.imageSize }
    package var precision: Compute.Precision { compute.precision ?? .fp32 }

    /// Runs the warm-up, `beforeTiming` and the timed runs. Returns the seconds of each timed run.
    package func times(_ work: () throws -> Void, beforeTiming: () throws -> Void = {}) throws -> [Double] {
        for _ in 0..<warmUp { try work() }
        try beforeTiming()
        var times: [Double] = []
        for i in 0..<runs {
            Console.status("run \(i + 1) of \(runs)")
            let start = ContinuousClock.now
            try work()
            times.append((ContinuousClock.now - start) / .seconds(1))
        }
        Console.status("")
        return times
    }

    package func tell(_ result: BenchResult) throws {
        if json { try Console.json(result) } else { Console.out(result.description) }
    }
}
