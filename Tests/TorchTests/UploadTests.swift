import Testing

@testable import Torch

/// Uploads of values to a device. On the CPU this is a copy. On a GPU nobody waits for it, but
/// whatever follows must see all of it.
@Suite struct UploadTests {
    static let devices: [Device] = Torch.isGPUPresent && Torch.cudaStatus == .ready ? [.cpu, .cuda] : [.cpu]

    @Test(arguments: devices) func valuesArriveWhole(device: Device) throws {
        // Large enough that a copy takes longer than the work after it.
        let count = 1 << 20, values = (0..<count).map { Float($0 % 1000) }
        let (got, sum) = try withTorchErrors {
            let tensor = Tensor(values, shape: [count / 4, 4], on: device)
            #expect(tensor.device == device && tensor.shape == [count / 4, 4])
            return (tensor.floats(), (tensor + 1).sum().item)
        }
        #expect(got == values)
        #expect(abs(sum / (values.reduce(0.0) { $0 + Double($1) } + Double(count)) - 1) < 1e-5)
    }

    /// The next upload must not overwrite memory that a pending reader still uses.
    @Test(arguments: devices) func uploadsInARowDoNotMeet(device: Device) throws {
        let count = 1 << 18
        let sums = try withTorchErrors {
            (0..<20).map { i in
                let sum = (Tensor([Float](repeating: Float(i), count: count), shape: [count], on: device) * 2).sum()
                return sum
            }.map(\.item)
        }
        #expect(sums == (0..<20).map { Double($0 * 2 * count) })
    }

    @Test(arguments: devices) func integersAndBytesKeepTheirType(device: Device) throws {
        let (integers, bytes, none) = try withTorchErrors {
            (
                Tensor([Int64.max, -1], shape: [2], on: device).integers(), Tensor([UInt8](0..<200), shape: [200], on: device).bytes(),
                Tensor([Float](), shape: [0, 3], on: device).shape
            )
        }
        #expect(integers == [Int64.max, -1])
        #expect(bytes == [UInt8](0..<200))
        #expect(none == [0, 3])
    }

    @Test func aShapeThatDoesNotFitIsAnError() {
        #expect(throws: TorchError.self) { try withTorchErrors { _ = Tensor([Float](repeating: 0, count: 5), shape: [2, 3]) } }
    }
}
