import Foundation
import Networks
import TensorFiles
import TestSupport
import Testing
import Torch

@testable import VMUNet

/// The network at full size compared with PyTorch (Tests/Oracle/oracle.py, float32), with weights
/// and pictures drawn by PyTorch.
@Suite(.serialized) struct PyTorchTests {
    struct Case: Sendable, CustomStringConvertible {
        var classes = 1
        var channels = 3
        var dims = [96, 192, 384, 768]
        var batch = 1
        var height: Int
        var width: Int
        var description: String { "\(classes) classes, \(channels) channels, dims \(dims), \(batch)×\(height)×\(width)" }
    }

    static let cases = [
        Case(height: 256, width: 256),
        Case(classes: 9, channels: 1, height: 224, width: 224),
        Case(dims: [48, 96, 192, 384], height: 96, width: 160),
        Case(classes: 4, dims: [24, 48, 96, 192], batch: 3, height: 64, width: 32),
    ]

    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON to a Python with torch"), arguments: cases)
    func logitsEqualPyTorchs(_ setting: Case) throws {
        try withTemporaryFolder { folder in
            let script = """
                import sys; sys.path.insert(0, sys.argv[1])
                import numpy, torch, oracle
                from safetensors.torch import save_file
                folder, classes, channels, batch, height, width = sys.argv[2], *map(int, sys.argv[3:8])
                config = oracle.Config(classes=classes, dims=tuple(map(int, sys.argv[8].split(","))))
                weights = oracle.weights(config, 11)
                torch.manual_seed(5); x = torch.randn(batch, channels, height, width)
                with torch.no_grad(): y = oracle.forward(weights, config, x, "loop")
                save_file(weights, folder + "/weights.safetensors"); save_file({"x": x, "y": y.contiguous()}, folder + "/case.safetensors")
                """
            let sizes: [Int] = [setting.classes, setting.channels, setting.batch, setting.height, setting.width]
            let dims: String = setting.dims.map { String($0) }.joined(separator: ",")
            try Python.run(script, [Oracle.folder.path, folder.path] + sizes.map { String($0) } + [dims])

            let network = try TorchVMUNet(weights: try SafetensorsFile.read(folder.appending(path: "weights.safetensors")))
            #expect(network.configuration.classes == setting.classes)
            let golden = try SafetensorsFile.read(folder.appending(path: "case.safetensors"))
            let logits = try withTorchErrors { withoutGradients { network(Tensor(golden["x"]!)) } }
            #expect(logits.shape == golden["y"]!.shape)
            #expect(relativeDistance(logits, golden["y"]!) < 1e-4)
            #expect(relativeError(logits.floats(), golden["y"]!.floats) < 1e-4)
            // bfloat16 in the matrix products. Rounding only the operands, with exact sums, gives
            // 2.3e-2 on these random weights (emulated in PyTorch); trained weights give less.
            let rough = try withTorchErrors { withoutGradients { network(Tensor(golden["x"]!), ForwardMode(precision: .bfloat16)) } }
            #expect(relativeDistance(rough, golden["y"]!) < 3e-2)
        }
    }
}
