/// Arguments as the parser wants them.
enum ArgumentList {
    /// Joins a negative number to the option before it, as in `--lr=-1`: alone, the parser takes it
    /// for an option and says that the value is missing.
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
}
