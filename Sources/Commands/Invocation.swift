#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The command that starts the tool, for usage lines and hints that the user can follow.
package enum Invocation {
    /// The wrapper script passes on how it was called, since the programs behind it have other
    /// names and places.
    package static let name: String = {
        let typed = ProcessInfo.processInfo.environment["VMUNET_COMMAND"] ?? ""
        return typed.isEmpty ? "vmunet" : typed
    }()

    /// The beginning of every program's help.
    package static let introduction =
        "Research software, not a medical device. Exit codes: 0 done, 64 usage, 65 bad input, 69 something is missing that ./vmunet cannot install, "
        + "70 internal, 130 interrupted after saving.\n\n"

    /// The wrapper script's own commands.
    package static let scriptCommands =
        "The script ./vmunet also has 'setup' (sets up and builds everything), 'setup predict' (without libtorch), 'setup serve', 'setup mpi' and "
        + "'setup dicom' (the server, several processes, compressed DICOM) and 'env' (prints what plain 'swift build' needs)."
}
