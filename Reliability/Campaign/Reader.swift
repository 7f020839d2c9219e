/// One of the readers that take foreign bytes, as the campaign sees it.
public protocol Reader: Sendable {
    /// What the command line calls it.
    var name: String { get }
    /// The ending of the file that holds the input.
    var ending: String { get }
    /// The endings of files, under the folders of fixtures, that give it its first inputs.
    var fixtures: [String] { get }
    /// Inputs beside the fixtures.
    var examples: [[UInt8]] { get }
    /// How its format wraps its parts, so that a mutation can reach behind lengths and checksums.
    var envelope: Envelope { get }

    /// The inputs in a fixture: mostly the fixture itself.
    func seeds(in fixture: [UInt8]) -> [[UInt8]]
    /// The file that an input stands for: mostly the input itself.
    func file(of input: [UInt8]) -> [UInt8]
    /// Reads the file in every way that the package offers. Throws what the package throws; traps
    /// where it broke a promise.
    func read(_ file: Scratch) throws
}

extension Reader {
    public var envelope: Envelope { .none }
    public var examples: [[UInt8]] { [] }
    public func seeds(in fixture: [UInt8]) -> [[UInt8]] { [fixture] }
    public func file(of input: [UInt8]) -> [UInt8] { input }

    /// Gives the reader one input. Returns whether it took it; an error that keeps to the rules is
    /// as good.
    @discardableResult
    public func take(_ input: [UInt8], _ scratch: Scratch) -> Bool {
        scratch.put(file(of: input), ending: ending)
        do {
            try read(scratch)
            return true
        } catch {
            Promise.check(error, about: scratch)
            return false
        }
    }
}

/// Every reader of the package.
public let readers: [any Reader] = weightsReaders + arrayReaders + volumeReaders + pictureReaders + textReaders
