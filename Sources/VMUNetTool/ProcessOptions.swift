import ArgumentParser
import Commands
import Files
import Foundation
import Segmentation
import Torch
import Training

/// Options of runs on the processes that mpirun or srun started, and of saving between epochs.
struct ProcessOptions: ParsableArguments {
    @Option(help: "Minutes between checkpoints, beside those after every epoch.")
    var saveEvery: Double?

    @Option(
        help: "Several processes: seconds after which one that does not start or answer counts as dead, which ends the run. Default: 300.")
    var peerTimeout: Double?

    @Flag(help: "Several processes: send gradients in bfloat16, half the bytes (docs/machines.md).")
    var bfloat16Gradients = false

    func validate() throws {
        if let saveEvery, !(saveEvery > 0 && saveEvery <= 1e6) {
            throw ValidationError("--save-every: expected minutes above 0, got \(saveEvery)")
        }
        if let peerTimeout, !(peerTimeout >= 1 && peerTimeout <= 1e6) {
            throw ValidationError("--peer-timeout: expected at least 1 second, got \(peerTimeout)")
        }
    }

    var savingEvery: Duration? { saveEvery.map { .seconds($0 * 60) } }

    /// True in a Slurm job that was put back into the queue and started again.
    static var isRequeued: Bool { ProcessInfo.processInfo.environment["SLURM_RESTART_COUNT"].flatMap { Int($0) }.map { $0 > 0 } ?? false }

    /// Runs `work` on each of the processes. Process 0 prints messages for all, unless another fails.
    ///
    /// - Parameter threads: the user's own number of threads; by default the processes of a machine
    ///   share its processors.
    func run(threads: Int?, _ work: (Processes) throws -> Void) throws {
        let processes = try Processes.launched(patience: peerTimeout ?? 300, bfloat16: bfloat16Gradients)
        guard processes.count > 1 else { return try work(processes) }
        if processes.rank > 0 { Console.isQuiet.store(true, ordering: .relaxed) }
        if threads == nil, let shared = Launcher.sharedProcessors {
            Torch.threads = max(1, min(Torch.threads, shared / processes.onThisMachine))
        }
        do {
            try work(processes)
        } catch let exit as ExitCode {
            processes.leave()
            throw exit
        } catch {
            // The first to exit ends all, and that should be the process that can say why.
            if error is ProcessFailed { sleep(30) }
            throw error
        }
        processes.leave()
    }
}
