import ArgumentParser
import Segmentation

/// A command whose options change the process. They do so when it runs, not while arguments are
/// parsed.
package protocol ToolCommand: ParsableCommand {
    var telling: OutputOptions { get }
    /// Nil for commands without a network.
    var computing: ComputeOptions? { get }
    /// Threads that may work; nil chooses for the machine.
    var threads: Int? { get }
}

extension ToolCommand {
    package var computing: ComputeOptions? { nil }
    package var threads: Int? { computing?.threads }

    func prepare() {
        if telling.quiet { Console.isQuiet.store(true, ordering: .relaxed) }
        if let threads = threads ?? Launcher.threads { Parallel.allow(threads: threads) }
        computing?.noteWhatHasNoEffect()
    }
}
