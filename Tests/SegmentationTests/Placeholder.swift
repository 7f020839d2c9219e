import Testing

@Test func placeholderSegmentation() { #expect(Bool(true)) }
