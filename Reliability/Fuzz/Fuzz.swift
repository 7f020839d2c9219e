// libFuzzer's entry points. VMUNET_READER names the reader to fuzz.
import CFuzzer
import Campaign
import Foundation

nonisolated(unsafe) private var reader: any Reader = readers[0]
nonisolated(unsafe) private let scratch = Scratch()

/// Chooses the reader.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<CInt>, _: UnsafeMutableRawPointer) -> CInt {
    let wanted = ProcessInfo.processInfo.environment["VMUNET_READER"] ?? ""
    guard let found = readers.first(where: { $0.name == wanted }) else {
        print("VMUNET_READER must be one of \(readers.map(\.name).joined(separator: " "))")
        exit(64)
    }
    reader = found
    return 0
}

/// Gives the reader one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    campaign_limit_seconds(10)
    reader.take(Array(UnsafeBufferPointer(start: data, count: size)), scratch)
    return 0
}

/// Mutates an input in its own form, in place; returns the new size.
@_cdecl("LLVMFuzzerCustomMutator")
public func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ largest: Int, _ seed: CUnsignedInt) -> Int {
    var random = Random(seed: UInt64(seed))
    let input = Array(UnsafeBufferPointer(start: data, count: size))
    let isOurs = random.next() % 4 == 0
    let result = reader.envelope.mutate(input, &random) { part, random in
        if isOurs { return Mutation(largest: largest).change(&part, &random) }
        // Room to grow, as libFuzzer leaves it.
        let room = min(largest, max(64, 2 * part.count))
        let count = part.count
        part += [UInt8](repeating: 0, count: max(0, room - count))
        let now = part.withUnsafeMutableBufferPointer { LLVMFuzzerMutate($0.baseAddress!, min(count, room), room) }
        part.removeLast(part.count - now)
    }
    let count = min(result.count, largest)
    result.withUnsafeBufferPointer { if count > 0 { data.update(from: $0.baseAddress!, count: count) } }
    return count
}
