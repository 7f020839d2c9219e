import Networks
import Runs
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

@Suite struct DeviceChoiceTests {
    @Test func theCPUIsAlwaysThere() throws {
        #expect(try Compute.Device.cpu.resolved() == .cpu)
    }

    /// Silent without a GPU, one line if there is one that cannot be used.
    @Test func autoTakesAGPUThatWorks() throws {
        var notes: [String] = []
        let device = try Compute.Device.auto.resolved { notes.append($0) }
        guard Torch.isGPUPresent else {
            #expect(device == .cpu && notes.isEmpty)
            return
        }
        #expect(device == .cuda ? notes.isEmpty : notes.count == 1 && !notes[0].contains("\n"))
    }

    @Test(.enabled(if: !Torch.isGPUPresent, "there is a GPU")) func cudaWithoutAGPUSaysWhatIsMissing() throws {
        let error = try #require(throws: DeviceError.self) { try Compute.Device.cuda.resolved() }
        #expect(error.description.hasPrefix("--device cuda: ") && error.description.hasSuffix("--device cpu"))
        #expect(error.reason.contains("NVIDIA driver"))
        #expect(!Torch.isCUDAAvailable)
        guard case .noGPU(let reason) = Torch.cudaStatus else {
            Issue.record("expected no GPU, got \(Torch.cudaStatus)")
            return
        }
        #expect(reason == error.reason)
    }
}
