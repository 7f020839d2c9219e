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
    /// The first signal's number, 0 before it.
    private let first = Atomic<Int32>(0)
    /// The time of the first signal.
    private let time = Atomic<UInt64>(0)
    private let sources: [any DispatchSourceSignal]

    /// A terminal and the program around this one may each pass on one Ctrl-C.
    private static let echo: UInt64 = 200_000_000

    /// `note` is printed at the first signal, `termination` if that is SIGTERM.
    package init(
        _ note: String = "stopping after this step and saving; interrupt again to stop at once", termination: String? = nil,
        also others: [Int32] = []
    ) {
        // The reader of the progress may go away: `train 2>&1 | head` must not end the run.
        signal(SIGPIPE, SIG_IGN)
        // The terminal may be closed; nohup has that signal ignored.
        let isIgnored = unsafeBitCast(signal(SIGHUP, SIG_IGN), to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        let numbers = [SIGINT, SIGTERM] + (isIgnored ? [] : [SIGHUP]) + others
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            return DispatchSource.makeSignalSource(signal: number, queue: .global(qos: .userInteractive))
        }
        for (source, number) in zip(sources, numbers) {
            source.setEventHandler { [weak self] in
                guard let self else { return }
                let now = DispatchTime.now().uptimeNanoseconds
                if first.compareExchange(expected: 0, desired: number, ordering: .sequentiallyConsistent).exchanged {
                    time.store(now, ordering: .sequentiallyConsistent)
                    Console.note(number == SIGTERM || number == SIGHUP ? termination ?? note : note)
                } else if now > time.load(ordering: .sequentiallyConsistent) + Self.echo {
                    Self.endAtOnce()
                }
            }
            source.resume()
        }
    }

    package var isSet: Bool { first.load(ordering: .sequentiallyConsistent) != 0 }
    /// True if the first signal is SIGTERM, after which systems wait some ten seconds, or SIGHUP.
    package var isTermination: Bool { [SIGTERM, SIGHUP].contains(first.load(ordering: .sequentiallyConsistent)) }

    private static func endAtOnce() -> Never {
        // Not through Console, whose lock a thread may hold that waits for a reader.
        var output = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        let text = Array("\nstopped at once: work since the last save is lost\n".utf8)
        if poll(&output, 1, 0) > 0 { _ = write(STDERR_FILENO, text, text.count) }
        // Not exit: it would destroy what the other threads still compute with.
        _exit(ExitStatus.interrupted)
    }
}
