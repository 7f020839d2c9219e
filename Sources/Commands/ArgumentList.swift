/// Prepares the command line for the parser.
enum ArgumentList {
    /// Joins a negative number to the option before it, as in `--lr=-1`. Otherwise the parser takes
    /// the number for an option and reports a missing value.
    static func joiningNegativeNumbers(_ arguments: some Sequence<String>) -> [String] {
        var result: [String] = []
        var isOver = false
        for argument in arguments {
            isOver = isOver || argument == "--"
            let isNegative = argument.first == "-" && (argument.dropFirst().first.map { $0.isNumber || $0 == "." } ?? false)
            if !isOver, isNegative, let option = result.last, option.hasPrefix("--"), !option.contains("=") {
                result[result.count - 1] += "=" + argument
            } else {
                result.append(argument)
            }
        }
        return result
    }

    /// The option whose value is empty, or "an argument"; nil if none is. Paths that are empty would
    /// mean the current folder.
    static func emptyValue(_ arguments: some Sequence<String>) -> String? {
        var before = ""
        for argument in arguments {
            if argument.isEmpty { return before.hasPrefix("--") && !before.contains("=") && before != "--" ? before : "an argument" }
            if argument.hasPrefix("--"), argument.hasSuffix("="), !before.hasPrefix("--") || before.contains("=") {
                return String(argument.dropLast())
            }
            before = argument
        }
        return nil
    }
}
