/// Waiting work that clients get done in turn: one that sends much waits behind itself, and holds
/// up no other.
struct FairQueue<Element> {
    /// The clients that wait, the next one first; none is empty.
    private var clients: [(name: String, elements: [Element])] = []
    private(set) var count = 0

    mutating func add(_ element: Element, of client: String) {
        count += 1
        if let place = clients.firstIndex(where: { $0.name == client }) {
            clients[place].elements.append(element)
        } else {
            clients.append((client, [element]))
        }
    }

    /// Takes the first element of the client whose turn it is; nil if nothing waits.
    mutating func next() -> Element? {
        guard !clients.isEmpty else { return nil }
        var (name, elements) = clients.removeFirst()
        let element = elements.removeFirst()
        count -= 1
        if !elements.isEmpty { clients.append((name, elements)) }
        return element
    }
}
