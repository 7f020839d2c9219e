/// One of N equal shares of a list: every N-th entry.
public struct Shard: Sendable, Equatable, CustomStringConvertible {
    /// Its number, from 0.
    public let index: Int
    /// The number of shares.
    public let count: Int

    /// The whole list.
    public static let whole = Shard(index: 0, count: 1)

    /// Share `index` (from 0) of `count`.
    public init(index: Int, count: Int) {
        precondition(count > 0 && (0..<count).contains(index), "share \(index) of \(count)")
        (self.index, self.count) = (index, count)
    }

    /// Reads `I/N`, with I from 1 to N; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let number = parts[0], let count = parts[1], count <= Self.most, number >= 1, number <= count else {
            return nil
        }
        self.init(index: number - 1, count: count)
    }

    /// The most shares.
    static let most = 100_000

    /// `I/N`, with I from 1.
    public var description: String { "\(index + 1)/\(count)" }

    /// True if the entry at this position is in the share.
    public func contains(_ position: Int) -> Bool { position % count == index }
}
