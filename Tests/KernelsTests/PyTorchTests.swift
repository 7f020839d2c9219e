import Foundation
import Segmentation
import TensorFiles
import TestSupport
import Testing
import VMUNet

/// The network at full size against PyTorch in float64 (Tests/Oracle/oracle.py), with weights and
/// pictures drawn by PyTorch.
@Suite(.serialized) struct PyTorchTests {
    struct Case: Sendable, CustomStringConvertible {
        var classes = 1
        /// The channels of the network and of the images.
        var channels = (network: 3, images: 3)
        var dims = [96, 192, 384, 768]
        var batch = 1
        var height: Int
        var width: Int
        var description: String { "\(classes) classes, \(channels) channels, dims \(dims), \(batch)×\(height)×\(width)" }
    }

    static let cases = [
        Case(height: 256, width: 256), Case(classes: 9, channels: (3, 1), dims: [48, 96, 192, 384], height: 96, width: 160),
        Case(classes: 4, channels: (5, 5), dims: [24, 48, 96, 192], batch: 3, height: 64, width: 32),
    ]

    private static let script = """
        import sys; sys.path.insert(0, sys.argv[1])
        import torch, oracle
        from safetensors.torch import save_file
        folder, classes, network, channels, batch, height, width = sys.argv[2], *map(int, sys.argv[3:9])
        config = oracle.Config(classes=classes, channels=network, dims=tuple(map(int, sys.argv[9].split(","))))
        weights = oracle.weights(config, 11)
        torch.manual_seed(5); x = torch.randn(batch, channels, height, width)
        with torch.no_grad(): y = oracle.forward({k: v.double() for k, v in weights.items()}, config, x.double(), "loop")
        save_file(weights, folder + "/weights.safetensors"); save_file({"x": x, "y": y.contiguous()}, folder + "/case.safetensors")
        """

    @Test(.enabled(if: Python.isAvailable, "set VMUNET_PYTHON to a Python with torch"), arguments: cases)
    func logitsEqualPyTorchs(_ setting: Case) throws {
        try withTemporaryFolder { folder in
            let sizes = [setting.classes, setting.channels.network, setting.channels.images, setting.batch, setting.height, setting.width]
            let dims = setting.dims.map { String($0) }.joined(separator: ",")
            try Python.run(Self.script, [Oracle.folder.path, folder.path] + sizes.map { String($0) } + [dims])

            let weights = try SafetensorsFile.read(folder.appending(path: "weights.safetensors"))
            let golden = try SafetensorsFile.read(folder.appending(path: "case.safetensors"))
            let (images, expected) = (golden["x"]!.floats, golden["y"]!.doubles)
            let logits = try KernelsInference(weights).logits(images, batch: setting.batch, height: setting.height, width: setting.width)
            #expect(relativeDistance(logits, expected) < 2e-5)
            // Rounding only the products' operands, with exact sums, gives 2.3e-2 on these random
            // weights (emulated in PyTorch); trained weights give less.
            let rough = try KernelsInference(weights, precision: .bfloat16).logits(
                images, batch: setting.batch, height: setting.height, width: setting.width)
            #expect(relativeDistance(rough, expected) < 3e-2)
        }
    }
}
