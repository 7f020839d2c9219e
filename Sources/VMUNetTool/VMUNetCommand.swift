import ArgumentParser
import Commands
import Foundation
import Imaging
import Networks
import ReportCommand
import Runs
import Segmentation
import TensorFiles
import Torch
import Training
import VMUNet

@main
struct VMUNetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vmunet",
        abstract: "Vision Mamba UNet: trains, evaluates and runs medical image segmentation.",
        discussion:
            "Research software, not a medical device. Exit codes: 0 done, 64 usage, 65 bad input, 70 internal, 130 interrupted after saving.",
        version: "0.1.0 (libtorch \(Torch.version))",
        subcommands: [
            Train.self, Evaluate.self, Predict.self, Summary.self, Convert.self, Bench.self, Ablate.self, ReportCommand.self, Demo.self,
            Parity.self,
            KernelBench.self,
        ])

    static func main() {
        Console.prepare()
        Torch.useCachingAllocator()
        Torch.onKernelCompilation(Console.compiling)
        let backend = Backend(networks: .torch) { Torch.isGPUPresent }
        Backend.$current.withValue(backend) { runCommand() }
    }

    private static func runCommand() {
        var name = "vmunet"
        do {
            var command = try parseAsRoot()
            name += " " + type(of: command)._commandName
            try command.run()
            try Console.finish()
        } catch let exit as ExitCode {
            Foundation.exit(exit.rawValue)
        } catch let error as ValidationError where name != "vmunet" {
            // Thrown by a command that runs already, so that the parser does not know any more which one.
            Console.error("\(error.message)\nsee '\(name) --help'")
            Foundation.exit(ExitStatus.usage)
        } catch {
            guard let code = Failure.code(of: error) else { Self.exit(withError: error) }
            Console.error(Failure.message(of: error))
            Foundation.exit(code)
        }
    }
}

/// From errors to exit codes (SPEC §5).
enum Failure {
    /// The code of an error of ours or the system's; nil for the parser's own, which it reports itself.
    static func code(of error: any Error) -> Int32? {
        switch error {
        case is CleanExit, is ValidationError: nil
        case is TorchError: ExitStatus.internalError
        case is NonFiniteLoss, is NonFiniteWeights: ExitStatus.internalError
        case is DataError, is TensorFileError, is PictureError, is FolderError, is BadWeights, is NonFiniteScore, is WeightsMismatch,
            is ConfigurationError,
            is PretrainedWeights.NothingFits, is DeviceError, is InputError, is VolumeError, is RunConfigurationError,
            is ConfigurationFileError:
            ExitStatus.badInput
        case let error as NSError where error.domain == NSCocoaErrorDomain || error.domain == NSPOSIXErrorDomain: ExitStatus.badInput
        default: String(reflecting: type(of: error)).hasPrefix("ArgumentParser") ? nil : ExitStatus.internalError
        }
    }

    static func message(of error: any Error) -> String {
        switch error {
        case let error as TorchError:
            error.memoryAdvice.map { "not enough memory (\(error.operation): \(error.briefReason)); \($0)" } ?? "\(error)"
        case let error as NSError where error.domain == NSCocoaErrorDomain: systemMessage(error)
        default: "\(error)"
        }
    }

    /// The file and the system's reason, of which Foundation's own description often tells neither.
    private static func systemMessage(_ error: NSError) -> String {
        let file = error.userInfo[NSFilePathErrorKey] as? String ?? (error.userInfo[NSURLErrorKey] as? URL)?.relativePath
        return (file.map { $0 + ": " } ?? "") + OutputFolder.reason(error)
            + "; check the path, its permissions and the space left on the disk"
    }
}
