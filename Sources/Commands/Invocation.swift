#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the user types to start the tool, for usage lines and hints that can be followed.
package enum Invocation {
    /// The wrapper script says how it was called, since the programs behind it have other names and places.
    package static let name: String = {
        let typed = ProcessInfo.processInfo.environment["VMUNET_COMMAND"] ?? ""
        return typed.isEmpty ? "vmunet" : typed
    }()

    /// What the script itself can do, which no program behind it knows.
    package static let scriptCommands =
        "The script ./vmunet also has 'setup' (sets up and builds all, and runs nothing), 'setup predict' (leaves out libtorch) and 'env' (prints what plain 'swift build' needs)."
}
