/// The greatest difference over the greatest expected absolute value; infinite where counts differ
/// or a value is not finite.
package func maximumRelativeError(_ got: [Float], _ expected: [Float]) -> Double {
    guard got.count == expected.count, got.allSatisfy(\.isFinite) else { return .infinity }
    let worst = zip(got, expected).map { abs(Double($0) - Double($1)) }.max() ?? 0
    return worst / max(expected.map { abs(Double($0)) }.max() ?? 0, 1e-30)
}
