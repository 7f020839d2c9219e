import Foundation
import Imaging
import Testing

@Suite struct CounterRandomTests {
    @Test func equalsNumPyPhilox() throws {
        let expected = try Fixture.committed.json("philox.json", as: [PhiloxCase].self)
        #expect(expected.count >= 3)
        for c in expected {
            var random = CounterRandom(seed: UInt64(c.seed)!, stream: UInt64(c.stream)!, substream: UInt64(c.substream)!)
            #expect(c.values.map { _ in String(random.next()) } == c.values)
        }
    }

    @Test func counterGoesToAnyPlace() {
        var whole = CounterRandom(seed: 1, stream: 2, substream: 3)
        let values = (0..<40).map { _ in whole.next() }
        for start in [0, 1, 3, 4, 17, 39] {
            var part = CounterRandom(seed: 1, stream: 2, substream: 3, counter: UInt64(start))
            #expect(part.next() == values[start])
            whole.counter = UInt64(start)
            #expect(whole.next() == values[start])
        }
    }

    @Test func streamsDiffer() {
        var seen = Set<UInt64>()
        for seed in 0..<4 as Range<UInt64> {
            for stream in 0..<4 as Range<UInt64> {
                for substream in 0..<4 as Range<UInt64> {
                    var random = CounterRandom(seed: seed, stream: stream, substream: substream)
                    for _ in 0..<8 { seen.insert(random.next()) }
                }
            }
        }
        #expect(seen.count == 4 * 4 * 4 * 8)
    }

    @Test func moments() {
        var random = CounterRandom(seed: 5)
        let count = 200_000
        let uniform = (0..<count).map { _ in random.uniform() }
        #expect(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        let mean = uniform.reduce(0, +) / Double(count)
        #expect(abs(mean - 0.5) < 0.003)
        let normal = (0..<count).map { _ in random.normal() }
        #expect(normal.allSatisfy { $0.isFinite })
        let m1 = normal.reduce(0, +) / Double(count)
        let m2 = normal.reduce(0) { $0 + $1 * $1 } / Double(count)
        let m4 = normal.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(count)
        #expect(abs(m1) < 0.01)
        #expect(abs(m2 - 1) < 0.02)
        #expect(abs(m4 - 3) < 0.12)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.integer(below: 7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 400 })
    }

    @Test func permutationHoldsEveryNumber() {
        var random = CounterRandom(seed: 9)
        #expect(random.permutation(0).isEmpty)
        #expect(random.permutation(1) == [0])
        let order = random.permutation(100)
        #expect(order != Array(0..<100))
        #expect(order.sorted() == Array(0..<100))
    }
}

private struct PhiloxCase: Decodable {
    let seed: String, stream: String, substream: String
    let values: [String]
}
