import Runs
import Torch

/// A trainer's progress.
public enum TrainingProgress: Sendable {
    /// A batch is done, one of `of` in its epoch.
    case step(TrainingEvent, of: Int, epochs: Int, Pace)
    /// Validating.
    case evaluating(done: Int, of: Int)
    /// An epoch is done.
    case epoch(TrainingEvent.EpochRecord)
}

/// Pictures done since a start, for estimating the time left.
public struct Pace: Sendable {
    private let start = ContinuousClock.now
    private var done = 0
    private let remaining: Int

    init(remaining: Int) { self.remaining = remaining }

    mutating func add(_ images: Int) { done += images }

    /// Pictures per second so far.
    public var imagesPerSecond: Double { Double(done) / max((ContinuousClock.now - start).seconds, 1e-9) }
    /// Seconds until the last epoch ends, at the speed so far; nil before any picture is done.
    public var secondsLeft: Double? { done > 0 ? Double(remaining - done) / imagesPerSecond : nil }
}

/// The seed of a step's random numbers; depends only on the step's place in the run.
enum StepSeed {
    static func of(_ seed: UInt64, epoch: Int, step: Int) -> UInt64 {
        // SplitMix64's finaliser over the three numbers: neighbouring steps get unrelated seeds.
        var z = seed &+ 0x9E37_79B9_7F4A_7C15 &* (UInt64(epoch) << 32 | UInt64(step) &+ 1)
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
