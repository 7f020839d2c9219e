/// A number with `digits` digits after the point, rounded to nearest, ties to even, like C's
/// `%.*f`.
package func fixedPoint(_ value: Double, digits: Int) -> String {
    precondition((0...15).contains(digits), "0 to 15 digits, got \(digits)")
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    let sign = value.sign == .minus ? "-" : ""
    guard digits > 0 else { return sign + whole(value.magnitude.rounded(.toNearestOrEven)) }
    var integer = value.magnitude.rounded(.down)
    let fraction = value.magnitude - integer
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    // The product's rounding error decides whether a half is exact.
    let product = fraction * scale
    let left = (-product).addingProduct(fraction, scale)
    var digitsBehind = product.rounded(.toNearestOrEven)
    let distance = product - digitsBehind
    if distance == 0.5, left > 0 { digitsBehind += 1 }
    if distance == -0.5, left < 0 { digitsBehind -= 1 }
    if digitsBehind == scale { (integer, digitsBehind) = (integer + 1, 0) }
    let text = String(Int(digitsBehind))
    return sign + whole(integer) + "." + String(repeating: "0", count: digits - text.count) + text
}

/// A share in percent with two decimals; "–" if there is none or it is not finite.
package func percent(_ share: Double?) -> String {
    guard let share, share.isFinite else { return "–" }
    return fixedPoint(share * 100, digits: 2)
}

/// A whole number with commas between groups of three digits: "27,427,561".
package func grouped(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "−" : ""
    for (i, digit) in digits.enumerated() {
        if i > 0, (digits.count - i).isMultiple(of: 3) { text += "," }
        text.append(digit)
    }
    return text
}

/// A number and the word for what it counts: "1 slice", "3 slices".
package func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}

/// The first names, and the number of the others: "a, b and 3 more".
package func listed(_ names: [String], atMost: Int) -> String {
    names.prefix(atMost).joined(separator: ", ") + (names.count > atMost ? " and \(names.count - atMost) more" : "")
}

/// A whole number in decimal, however large.
private func whole(_ value: Double) -> String {
    if let small = Int(exactly: value) { return String(small) }
    // The significand, doubled repeatedly; least significant digit first.
    var digits = String(value.significandBitPattern | 1 << 52).reversed().compactMap(\.wholeNumberValue)
    for _ in 0..<(Int(value.exponent) - 52) {
        var carry = 0
        for i in digits.indices {
            let sum = digits[i] * 2 + carry
            (digits[i], carry) = (sum % 10, sum / 10)
        }
        if carry > 0 { digits.append(carry) }
    }
    return digits.reversed().map(String.init).joined()
}

extension StringProtocol {
    /// The text, padded with spaces to at least `length` characters.
    package func padded(to length: Int) -> String { self + String(repeating: " ", count: Swift.max(0, length - count)) }

    /// The text without white space at either end.
    package var trimmed: String {
        var rest = Substring(self)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}

extension String {
    /// True if `part` occurs, byte for byte. The standard library's search of one string in another
    /// takes milliseconds for the keys of a network.
    package func holds(_ part: StaticString) -> Bool {
        var text = self
        return text.withUTF8 { text in
            guard text.count >= part.utf8CodeUnitCount else { return false }
            let part = UnsafeBufferPointer(start: part.utf8Start, count: part.utf8CodeUnitCount)
            return (0...text.count - part.count).contains { text[$0...].starts(with: part) }
        }
    }
}
