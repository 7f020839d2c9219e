@preconcurrency import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lets a loop poll for SIGINT and SIGTERM, and for signals that a scheduler sends before the time
/// limit. A second signal ends the process at once.
package final class StopSignal: Sendable {
    private let received = Atomic(false)
    private let sources: [any DispatchSourceSignal]

    /// `note` is printed at the first signal.
    package init(_ note: String = "stopping after this step and saving; interrupt again to stop at once", also others: [Int32] = []) {
        // The reader of the progress may go away: `train 2>&1 | head` must not end the run.
        signal(SIGPIPE, SIG_IGN)
        let numbers = [SIGINT, SIGTERM] + others
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInteractive))
        }
        for source in sources {
            source.setEventHandler { [weak self] in
                guard let self else { return }
                // Not exit: it would destroy what the other threads still compute with.
                if received.exchange(true, ordering: .sequentiallyConsistent) { _exit(ExitStatus.interrupted) }
                Console.note(note)
            }
            source.resume()
        }
    }

    package var isSet: Bool { received.load(ordering: .sequentiallyConsistent) }
}
