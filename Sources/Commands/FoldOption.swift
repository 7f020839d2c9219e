import ArgumentParser

/// One fold of several: `2`, or `2/5`.
package struct FoldOption: ExpressibleByArgument, Sendable, Equatable {
    /// From 0.
    package let fold: Int
    /// The number of folds, if given.
    package let folds: Int?

    /// Reads the value of --fold.
    @Sendable package static func argument(_ text: String) throws -> FoldOption {
        try reading("a fold from 0, or a fold of several such as 0/5")(text)
    }

    package init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(parts.count), let fold = parts[0], fold >= 0 else { return nil }
        if parts.count == 2 {
            guard let folds = parts[1], (2...1024).contains(folds), fold < folds else { return nil }
            (self.fold, self.folds) = (fold, folds)
        } else {
            (self.fold, folds) = (fold, nil)
        }
    }
}
