import Dispatch
import Synchronization

enum Concurrent {
    /// The results in the elements' order, computed on all processors.
    static func map<Element: Sendable, Value: Sendable>(_ elements: [Element], _ body: @Sendable (Element) -> Value) -> [Value] {
        let results = Mutex([Value?](repeating: nil, count: elements.count))
        DispatchQueue.concurrentPerform(iterations: elements.count) { i in
            let value = body(elements[i])
            results.withLock { $0[i] = value }
        }
        return results.withLock { $0.compactMap(\.self) }
    }
}
