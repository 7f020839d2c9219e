import Testing

@testable import Commands

@Suite struct ArgumentListTests {
    @Test(arguments: [
        (["--lr", "-1"], ["--lr=-1"]), (["--lr", "-.5", "x"], ["--lr=-.5", "x"]), (["--window", "-125,275"], ["--window=-125,275"]),
        (["--lr=2", "-1"], ["--lr=2", "-1"]), (["-o", "-1"], ["-o", "-1"]), (["--json", "-"], ["--json", "-"]),
        (["--output", "--overlay"], ["--output", "--overlay"]), (["--", "--lr", "-1"], ["--", "--lr", "-1"]), (["-1"], ["-1"]), ([], []),
    ])
    func negativeNumbersBelongToTheOptionBefore(_ given: [String], _ expected: [String]) {
        #expect(ArgumentList.joiningNegativeNumbers(given) == expected)
    }

    /// An empty path would mean the current folder.
    @Test(
        arguments: [
            (["train", "--run", ""], "--run"), (["predict", ""], "an argument"), (["evaluate", "--weights="], "--weights"),
            (["report", "--json", "--", ""], "an argument"), (["predict", "a b", "--output", "x"], nil), (["--text", "--weights="], nil),
            ([], nil),
        ] as [([String], String?)])
    func emptyValuesAreNamed(arguments: [String], option: String?) {
        #expect(ArgumentList.emptyValue(arguments) == option)
    }
}
