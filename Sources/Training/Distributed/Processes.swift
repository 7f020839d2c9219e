import CMPI
import Files
import Foundation
import Networks
import Runs
import Segmentation
import TensorFiles
import Torch

/// The processes that share a run: this one alone, or those that mpirun or srun started.
public struct Processes: Sendable {
    let group: any ProcessGroup
    /// Processes on this machine.
    public let onThisMachine: Int

    /// This process alone.
    public static let alone = Processes(group: Alone(), onThisMachine: 1)

    /// This process's number, from 0. Process 0 writes the run's files and prints messages.
    public var rank: Int { group.rank }
    /// The number of processes.
    public var count: Int { group.size }

    /// The processes that mpirun or srun started together with this one; ``alone`` if none did.
    ///
    /// - Parameters:
    ///   - patience: seconds after which a process that does not answer counts as dead, which ends
    ///     the run on all.
    ///   - bfloat16: sends gradients in bfloat16, half the bytes.
    ///
    /// Throws ``ProcessesError`` if there are several and the program was built without MPI.
    public static func launched(patience: Double, bfloat16: Bool = false) throws -> Processes {
        guard let count = Launcher.place?.count else { return alone }
        guard cm_is_available() else {
            throw ProcessesError(
                "this is one of \(count) processes, and this program was built without MPI",
                remedy: "build it with MPI: VMUNET_MPI=1 ./vmunet setup; or start it without mpirun")
        }
        let (group, reason) = MPIGroup.start(patience: patience, bfloat16: bfloat16)
        guard let group else { throw ProcessesError(reason, remedy: "start it with the mpirun of the MPI it was built with") }
        guard group.size > 1 else {
            throw ProcessesError(
                "\(count) processes were started, and each finds itself alone", remedy: "start it with the mpirun of \(library)")
        }
        GPUShare.take(process: group.localRank, of: group.localSize)
        return Processes(group: group, onThisMachine: group.localSize)
    }

    /// The MPI in use: "Open MPI v4.1.4", "MPICH 4.0.2".
    public static var library: String {
        let line = String(cString: cm_library()).prefix { $0 != "," && $0 != "\n" }
        return line.split { $0.isWhitespace }.filter { $0 != "Version:" }.joined(separator: " ")
    }

    /// Waits for all processes, then ends their common work.
    public func leave() { group.leave() }

    /// Waits until every process is here.
    public func meet() { group.meet() }

    /// A sum of gradients over these processes; nil for one. With a word about the way that gradients
    /// of GPUs take.
    func makeGradientSum(of parameters: [Tensor]) -> (sum: (any GradientSumming)?, route: String?) {
        guard let group = group as? MPIGroup else { return (nil, nil) }
        guard let device = parameters.first?.device, !device.isCPU else { return (GradientSum(parameters, group), nil) }
        let (nccl, reason) = NCCL.join(group, on: device, patience: group.patience)
        guard let nccl else { return (GradientSum(parameters, group), "gradients go through the host: \(reason)") }
        let sum = DeviceGradientSum(parameters, group, nccl, bfloat16: group.bfloat16)
        return (sum, "gradients go from GPU to GPU by NCCL \(NCCL.version)")
    }

    /// Throws ``ProcessesError`` if the run cannot be cut among these processes.
    func check(_ network: any SegmentationNetwork, _ configuration: RunConfiguration, compileGraph: Bool) throws {
        guard count > 1 else { return }
        let batchSize = configuration.batchSize
        guard batchSize >= count else {
            throw ProcessesError(
                "a batch of \(batchSize) cannot be cut among \(count) processes", remedy: "use at most \(batchSize), or raise --batch-size")
        }
        guard network.buffers.isEmpty else {
            throw ProcessesError(
                "this network has batch normalisation, whose statistics would be those of a part of the batch",
                remedy: "train it in one process, or choose a network without (docs/networks.md)")
        }
        guard configuration.segmentationLoss.terms.areOff else {
            throw ProcessesError(
                "of the losses, only cross-entropy and Dice are those of the whole batch on several processes",
                remedy: "train in one process, or leave out the others (--loss)")
        }
        guard !compileGraph else { throw ProcessesError("--compile-graph works in one process", remedy: "leave it out") }
    }

    /// Throws ``ProcessesError`` unless all were started with these settings and pictures, known by
    /// their names and sizes. Otherwise they would train different networks, or send each other what
    /// does not fit.
    public func requireSame(_ configuration: RunConfiguration, _ data: TrainingData, _ options: [String: Bool]) throws {
        guard count > 1 else { return }
        var own = Start(settings: try configuration.yaml, options: options)
        own.options["--bfloat16-gradients"] = (group as? MPIGroup)?.bfloat16 ?? false
        for (name, set) in [("training", data.training)] + (data.validation.map { [("validation", $0)] } ?? []) {
            let names = (0..<set.count).map(set.name(at:)), sizes = try set.sourceSizes().map { "\($0.width)×\($0.height)" }
            let digest = SHA256.hexadecimal(of: Array((names + sizes).joined(separator: "\n").utf8))
            own.pictures.append("\(set.count) for \(name), with names and sizes of digest \(digest.prefix(8))")
        }
        let all = try group.gather(Array(JSONEncoder().encode(own))).map { try JSONDecoder().decode(Start.self, from: Data($0)) }
        guard let other = all.firstIndex(where: { $0 != all[0] }), let difference = try all[other].difference(from: all[0]) else { return }
        throw ProcessesError(
            "process \(other) was started with other settings or pictures than process 0: \(difference.printable())",
            remedy: "start all with one command, and give all the same files")
    }

    /// All that processes must have in common.
    private struct Start: Codable, Equatable {
        /// The configuration in YAML.
        var settings: String
        var options: [String: Bool]
        /// A line about each part of the data set.
        var pictures: [String] = []

        /// The first differences, such as "epochs: 2, not 3"; nil if there is none.
        func difference(from other: Start) throws -> String? {
            let (mine, others) = (try RunConfiguration(yaml: settings), try RunConfiguration(yaml: other.settings))
            if let difference = try mine.difference(from: others) { return difference }
            for (option, value) in options.sorted(by: { $0.key < $1.key }) where other.options[option] != value {
                return "\(option): \(value), not \(!value)"
            }
            for (here, there) in zip(pictures, other.pictures) where here != there { return "pictures: \(here), not \(there)" }
            return settings == other.settings && pictures.count == other.pictures.count ? nil : "other settings"
        }
    }

    /// Throws ``ProcessesError`` unless every weight has the same norm on all processes, bit for bit.
    func requireEqual(_ parameters: [Tensor]) throws {
        guard count > 1 else { return }
        let norms = try withTorchErrors { withoutGradients { Each.norms(parameters).map(\.item.bitPattern) } }
        let all = group.gather(norms.withUnsafeBytes { Array($0) })
        guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
        throw ProcessesError(
            "process \(other) has other weights than process 0: their machines compute differently",
            remedy: "use processors of one kind, or the same instructions everywhere (VMUNET_CPU=avx2, ATEN_CPU_CAPABILITY=avx2)")
    }
}

/// A run that cannot be divided among the processes that were started.
public struct ProcessesError: UserError {
    /// Empty: the problem says it all.
    public var subject: String { "" }
    /// The reason.
    public let problem: String
    /// The remedy.
    public let remedy: String
    /// The command is wrong, not its data.
    public var category: UserErrorCategory { .usage }

    init(_ problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }
}
