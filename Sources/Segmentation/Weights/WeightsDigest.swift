import Dispatch
import Synchronization
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The SHA-256 of a file of weights, or of an ensemble's files, computed in the background. Results
/// identify their weights by it.
package final class WeightsDigest: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let result = Mutex<String?>(nil)
    private let isBegun = Atomic(false)
    private let urls: [URL]

    /// The digest of a file, which is read from now on, or from the first look at ``value`` on.
    package convenience init(of url: URL, now: Bool = true) { self.init(of: [url], now: now) }

    /// The digests of an ensemble's files.
    package init(of urls: [URL], now: Bool = true) {
        self.urls = urls
        if now { begin() }
    }

    private func begin() {
        guard !isBegun.exchange(true, ordering: .relaxed) else { return }
        DispatchQueue.global(qos: .utility).async { [self] in
            let digest = try? urls.map { try SHA256.hexadecimal(ofFile: $0) }.joined(separator: "+")
            result.withLock { $0 = digest }
            done.signal()
        }
    }

    /// The digest in hexadecimal; an ensemble's are joined by +. Waits for it if necessary. Empty
    /// if a file cannot be read.
    package var value: String {
        begin()
        done.wait()
        done.signal()
        return result.withLock { $0 ?? "" }
    }
}
