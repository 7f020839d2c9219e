import Dispatch
import Synchronization
import TensorFiles

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The SHA-256 of a file of weights, computed in the background. Results identify their weights by
/// it.
package final class WeightsDigest: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let result = Mutex<String?>(nil)
    private let isBegun = Atomic(false)
    private let url: URL

    /// The digest of a file, which is read from now on, or from the first look at ``value`` on.
    package init(of url: URL, now: Bool = true) {
        self.url = url
        if now { begin() }
    }

    private func begin() {
        guard !isBegun.exchange(true, ordering: .relaxed) else { return }
        DispatchQueue.global(qos: .utility).async { [self] in
            let digest = try? SHA256.hexadecimal(ofFile: url)
            result.withLock { $0 = digest }
            done.signal()
        }
    }

    /// The digest in hexadecimal, waiting for it if necessary; empty if the file cannot be read.
    package var value: String {
        begin()
        done.wait()
        done.signal()
        return result.withLock { $0 ?? "" }
    }
}
