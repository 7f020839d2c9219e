import Testing

@Test func placeholderTensorFiles() { #expect(Bool(true)) }
