import Testing

@Test func placeholderVMUNet() { #expect(Bool(true)) }
