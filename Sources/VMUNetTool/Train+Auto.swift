import ArgumentParser
import Commands
import Files
import Foundation
import Networks
import Runs
import Segmentation
import Torch
import Training
import VMUNet

/// `--auto`: settings that suit the set and this machine, where neither an option nor the file gives
/// them. The run's configuration keeps them, so that a resumed or repeated run needs no machine
/// like this one.
extension Train {
    /// The subjects that `--auto` may decide. `given` has the keys of the configuration file.
    private func undecided(given: Set<String>) -> Set<TrainingAdvice.Subject> {
        var subjects = Set(TrainingAdvice.Subject.allCases)
        if options.imageSize != nil || options.patchSize != nil || !given.isDisjoint(with: ["data.image_size", "data.patch_size"]) {
            subjects.remove(.input)
        }
        if given.contains("evaluate_every") { subjects.remove(.evaluation) }
        if options.balance || given.contains("data.balance") { subjects.remove(.balance) }
        if options.network.givenSize != nil || options.kind != nil || options.initialWeights != nil
            || given.contains(where: { $0 == "initial_weights" || $0 == "network" })
        {
            subjects.remove(.network)
        }
        if options.batchSize != nil || given.contains("batch_size") { subjects.remove(.batch) }
        return subjects
    }

    private func undecided() throws -> Set<TrainingAdvice.Subject> {
        let lines = try config.map { try RunConfiguration.lines(inYAMLFile: URL(filePath: $0)) } ?? [:]
        return undecided(given: Set(lines.keys))
    }

    /// The settings with the advice, after telling it. `samples` is the number of training samples.
    func advised(_ settings: RunConfiguration, samples: Int) throws -> RunConfiguration {
        var (settings, subjects) = (settings, try undecided())
        var networks: [VMUNetConfiguration] = []
        if let own = settings.vmunet, try settings.device.resolved().isCPU {
            networks = subjects.contains(.network) ? TrainingAdvice.networks(for: settings.data) : [own]
        } else if subjects.contains(.batch) {
            Console.note("auto: --batch-size \(settings.batchSize) stays; memory is estimated for VM-UNet on CPUs only")
        }
        let pictures = try settings.data.dataset.layout.pictureAdvice(
            settings.data, seed: settings.seed, keepsInput: !subjects.contains(.input))
        let advice = TrainingAdvice(settings.data, pictures: pictures, samples: samples, networks: networks)
        if advice.network == nil { subjects.subtract([.network, .batch]) }
        for line in advice.lines(subjects) { Console.note("auto: " + line) }
        var advised = settings
        if let pictures {
            (advised.data.imageSize, advised.data.patchSize) = (pictures.imageSize, pictures.patchSize)
            (advised.evaluateEvery, advised.data.balance) = (pictures.evaluateEvery, pictures.rarest != nil)
        }
        if let network = advice.network {
            advised.batchSize = network.batchSize
            advised.vmunet = networks.first { $0.preset?.rawValue == network.preset }
        }
        Self.take(subjects, from: advised, into: &settings)
        do { try settings.validate() } catch { throw ValidationError("\(error)") }
        return settings
    }

    /// What `--auto` decided when the run began stays as it is.
    func keepDecisions(of saved: RunConfiguration, in wanted: inout RunConfiguration) throws {
        if auto { Self.take(try undecided(), from: saved, into: &wanted) }
    }

    private static func take(
        _ subjects: Set<TrainingAdvice.Subject>, from advised: RunConfiguration, into settings: inout RunConfiguration
    ) {
        for subject in subjects {
            switch subject {
            case .input: (settings.data.imageSize, settings.data.patchSize) = (advised.data.imageSize, advised.data.patchSize)
            case .evaluation: settings.evaluateEvery = advised.evaluateEvery
            case .balance: settings.data.balance = advised.data.balance
            case .network:
                guard let sizes = advised.vmunet, let dropPath = settings.vmunet?.dropPath else { continue }
                settings.vmunet = sizes
                settings.vmunet?.dropPath = dropPath
            case .batch: settings.batchSize = advised.batchSize
            }
        }
    }
}

/// Tells once how long a run will take, by its own first steps.
struct RunEstimate {
    /// Pictures of an epoch.
    let pictures: Int
    private let start = ContinuousClock.now
    private var isTold = false

    init(pictures: Int) { self.pictures = pictures }

    /// After ten seconds, or an epoch if that is shorter.
    mutating func tell(_ progress: TrainingProgress) {
        guard !isTold, case .step(.step(_, let step, _, _), let steps, let epochs, let pace) = progress,
            let left = pace.secondsLeft, step == steps || ContinuousClock.now - start >= .seconds(10) && step > 1
        else { return }
        isTold = true
        let epoch = Console.time(Double(pictures) / pace.imagesPerSecond)
        Console.note(
            "auto: by the first \(counted(step, "step")), an epoch of \(pictures) pictures takes about \(epoch), "
                + "and training to epoch \(epochs) \(Console.time(left)) more, without validation; --epochs sets another number")
    }
}
