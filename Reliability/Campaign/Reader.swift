/// A reader of foreign bytes, as the campaign uses it.
public protocol Reader: Sendable {
    /// Its name on the command line.
    var name: String { get }
    /// The ending of the input's file.
    var ending: String { get }
    /// The endings of fixtures that serve as first inputs.
    var fixtures: [String] { get }
    /// Inputs in addition to the fixtures.
    var examples: [[UInt8]] { get }
    /// The lengths and checksums around the format's parts, so that mutations get past them.
    var envelope: Envelope { get }

    /// The inputs in a fixture, usually the fixture itself.
    func seeds(in fixture: [UInt8]) -> [[UInt8]]
    /// The file for an input, usually the input itself.
    func file(of input: [UInt8]) -> [UInt8]
    /// Reads the file in every way that the package offers. Throws what the package throws; traps
    /// if it breaks a promise.
    func read(_ file: Scratch) throws
}

extension Reader {
    /// None.
    public var envelope: Envelope { .none }
    /// None.
    public var examples: [[UInt8]] { [] }
    /// The fixture itself.
    public func seeds(in fixture: [UInt8]) -> [[UInt8]] { [fixture] }
    /// The input itself.
    public func file(of input: [UInt8]) -> [UInt8] { input }

    /// Gives the reader one input. Returns whether the reader accepted it; a proper error is fine
    /// too.
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
public let readers: [any Reader] = weightsReaders + arrayReaders + volumeReaders + dicomReaders + pictureReaders + textReaders
