#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The command that starts the tool, for usage lines and hints that the user can follow.
package enum Invocation {
    /// The wrapper script passes on how it was called, since the programs behind it have other
    /// names and places. Nil without it: in a release, the program stands alone.
    package static let script: String? = {
        let typed = ProcessInfo.processInfo.environment["VMUNET_COMMAND"] ?? ""
        return typed.isEmpty ? nil : typed
    }()

    package static let name = script ?? "vmunet"

    /// The beginning of every program's help.
    package static let introduction =
        "Research software, not a medical device. Exit codes: 0 done, 64 usage, 65 bad input, 69 something is missing"
        + (script == nil ? "" : " that ./vmunet cannot install") + ", 70 internal, 130 interrupted after saving.\n\n"

    /// What this program lacks, and where it is.
    package static let otherCommands =
        script == nil
        ? "This program segments. What trains, reports and serves is built from the package's sources, by their script ./vmunet.\n\n"
        : "./vmunet also has train, demo, ablate, compare, crossvalidate, report and serve. They are built, and libtorch is set up if needed, "
            + "when you first run them.\n\n"

    /// The wrapper script's own commands.
    package static let scriptCommands =
        script == nil
        ? ""
        : "The script ./vmunet also has 'setup' (sets up and builds everything), 'setup predict' (without libtorch), 'setup serve', "
            + "'setup mpi' and 'setup dicom' (the server, several processes, compressed DICOM) and 'env' (prints what plain 'swift build' needs)."
}
