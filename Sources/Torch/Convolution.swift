/// Operators of convolutional networks, with PyTorch's names and layout: maps are [B, C, H, W].
private enum Aten {
    static let conv2d = Operator("aten::conv2d")
    static let convTranspose2d = Operator("aten::conv_transpose2d", "input")
    static let batchNorm = Operator("aten::batch_norm")
    static let maxPool2d = Operator("aten::max_pool2d")
    static let upsampleBilinear = Operator("aten::upsample_bilinear2d")
    static let relu = Operator("aten::relu")
    static let addInPlace = Operator("aten::add_", "Scalar")
}

extension Tensor {
    /// A convolution by a weight [outputs, inputs / groups, rows, columns], zeros beyond the edges.
    package func convolved(
        _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
    ) -> Tensor {
        Aten.conv2d(
            .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]), .ints([padding, padding]),
            .ints([dilation, dilation]), .int(groups))
    }

    /// A transposed convolution by a weight [inputs, outputs, rows, columns]: enlarges the map
    /// `stride` times if the weight has that size.
    package func convolvedTransposed(_ weight: Tensor, bias: Tensor? = nil, stride: Int) -> Tensor {
        Aten.convTranspose2d(
            .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]), .ints([0, 0]), .ints([0, 0]), .int(1), .ints([1, 1]))
    }

    /// Batch normalisation over all but the channels, which weight, bias and statistics have one
    /// value each of.
    ///
    /// In training by the batch's own mean and variance, of which `momentum`'s share goes into the
    /// running ones (the variance unbiased); otherwise by the running ones.
    package func batchNormalized(
        weight: Tensor, bias: Tensor, runningMean: Tensor, runningVariance: Tensor, isTraining: Bool, momentum: Double, epsilon: Double
    ) -> Tensor {
        Aten.batchNorm(
            .tensor(self), .tensor(weight), .tensor(bias), .tensor(runningMean), .tensor(runningVariance), .bool(isTraining),
            .double(momentum), .double(epsilon), .bool(true))
    }

    /// The greatest value of each square of `side`×`side`.
    package func maxPooled(_ side: Int) -> Tensor {
        Aten.maxPool2d(.tensor(self), .ints([side, side]), .ints([side, side]), .ints([0, 0]), .ints([1, 1]), .bool(false))
    }

    /// `height`×`width`, bilinear; aligned by the corners' centres or, as `F.interpolate` does by
    /// itself, by the edges.
    package func upsampledBilinear(height: Int, width: Int, alignsCorners: Bool = false) -> Tensor {
        Aten.upsampleBilinear(.tensor(self), .ints([height, width]), .bool(alignsCorners), .none, .none)
    }

    /// max(x, 0).
    package func rectified() -> Tensor { Aten.relu(.tensor(self)) }

    /// Adds a number to every value in place, outside of the recorded graph.
    package func add(_ number: Int) { _ = withoutGradients { Aten.addInPlace(.tensor(self), .int(number), .int(1)) } }
}
