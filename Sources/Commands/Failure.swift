import ArgumentParser
import Files
import Segmentation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Exit codes, as in sysexits.h.
package enum ExitStatus {
    package static let usage: Int32 = 64
    package static let badInput: Int32 = 65
    package static let missing: Int32 = 69
    package static let internalError: Int32 = 70
    package static let interrupted: Int32 = 130
}

/// Turns errors into exit codes and messages.
enum Failure {
    /// The exit code of our own and the system's errors; nil for the parser's, which it reports
    /// itself.
    static func code(of error: any Error) -> Int32? {
        switch error {
        case let error as any UserError:
            switch error.category {
            case .usage: ExitStatus.usage
            case .input: ExitStatus.badInput
            case .memory, .internal: ExitStatus.internalError
            }
        case is CocoaError, is POSIXError: ExitStatus.badInput
        case is CleanExit, is ValidationError: nil
        default: String(reflecting: type(of: error)).hasPrefix("ArgumentParser") ? nil : ExitStatus.internalError
        }
    }

    static func message(of error: any Error) -> String {
        guard let error = error as? CocoaError else { return "\(error)" }
        // Foundation's own description often lacks the file and the system's reason.
        let file = error.filePath ?? error.url?.relativePath
        let reason = (error.underlying as? POSIXError).map { systemMessage($0.code.rawValue) } ?? "cannot be read or written"
        return (file.map { $0 + ": " } ?? "") + reason + "; check the path, its permissions and the disk's free space"
    }
}

extension ParsableCommand {
    /// Exits like the parser, with its message made safe to print: it quotes arguments, which come
    /// from others.
    private static func leave(_ error: any Error) -> Never {
        let (code, text) = (exitCode(for: error), fullMessage(for: error))
        let parsers = "Error: "
        if code.isSuccess {
            Console.out(text)
            do { try Console.finish() } catch {
                Console.error("\(error)")
                endProcess(ExitStatus.badInput)
            }
        } else if text.hasPrefix(parsers) {
            letTheFirstSpeak()
            Console.error(String(text.dropFirst(parsers.count)))
        } else {
            Console.plain(text)
        }
        endProcess(code.rawValue)
    }

    /// Waits in all of mpirun's processes but the first. An error that all have, such as a wrong
    /// option, is then said once: the first process to exit ends the others.
    private static func letTheFirstSpeak() {
        if let place = Launcher.place, place.index > 0 { sleep(5) }
    }

    /// An executable's `main`: runs the command in the arguments and exits with its code.
    package static func run(with backend: Backend) {
        Console.prepare()
        // Swift reads them from /proc, and finds none where there is no such folder.
        if CommandLine.arguments.isEmpty {
            Console.error("the command line cannot be read: /proc is missing; mount it")
            endProcess(ExitStatus.missing)
        }
        Backend.$current.withValue(backend) {
            var chosen: (any ParsableCommand.Type)?
            do {
                if let option = ArgumentList.emptyValue(CommandLine.arguments.dropFirst()) {
                    Console.error("\(option): is empty; is a variable of the shell unset?")
                    endProcess(ExitStatus.usage)
                }
                var command = try parseAsRoot(ArgumentList.joiningNegativeNumbers(CommandLine.arguments.dropFirst()))
                chosen = type(of: command)
                (command as? any ToolCommand)?.prepare()
                try command.run()
                try Console.finish()
            } catch let exit as ExitCode {
                endProcess(exit.rawValue)
            } catch let error as ValidationError where chosen != nil {
                letTheFirstSpeak()
                // Thrown while a command was running, so the parser no longer knows which one.
                let name = chosen.map { $0.configuration.commandName ?? "\($0)".lowercased() } ?? ""
                Console.error("\(error.message)\nsee '\(configuration.commandName ?? "") \(name) --help'")
                endProcess(ExitStatus.usage)
            } catch {
                guard let code = Failure.code(of: error) else { leave(error) }
                letTheFirstSpeak()
                Console.error(Failure.message(of: error))
                endProcess(code)
            }
        }
    }
}

/// The system's `exit`, under a name that the parser's commands do not hide.
private func endProcess(_ code: Int32) -> Never { exit(code) }
