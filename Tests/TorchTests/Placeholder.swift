import Testing

@Test func placeholderTorch() { #expect(Bool(true)) }
