/// The greatest difference over the greatest expected magnitude, or over `least` if that is
/// greater; infinite if counts differ or a number is not finite.
package func relativeError(_ got: [Float], _ expected: [Float], least: Double = 1e-30) -> Double {
    guard got.count == expected.count else { return .infinity }
    var (difference, magnitude) = (0.0, least)
    for (a, b) in zip(got, expected) {
        guard a.isFinite, b.isFinite else { return .infinity }
        difference = max(difference, abs(Double(a) - Double(b)))
        magnitude = max(magnitude, abs(Double(b)))
    }
    return difference / magnitude
}

/// ‖got − expected‖ / ‖expected‖ in double precision; infinite if counts differ or a number is not
/// finite.
package func relativeDistance(_ got: [Float], _ expected: [Double]) -> Double {
    guard got.count == expected.count else { return .infinity }
    var (difference, norm) = (0.0, 1e-30)
    for (a, b) in zip(got, expected) {
        guard a.isFinite, b.isFinite else { return .infinity }
        difference += (Double(a) - b) * (Double(a) - b)
        norm += b * b
    }
    return (difference / norm).squareRoot()
}

package func relativeDistance(_ got: [Float], _ expected: [Float]) -> Double { relativeDistance(got, expected.map(Double.init)) }
