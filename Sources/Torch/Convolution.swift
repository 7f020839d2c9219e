/// Operators of convolutional networks, with PyTorch's names and layout: maps are [B, C, H, W].
private enum Aten {
    static let conv2d = Operator("aten::conv2d")
    static let convTranspose2d = Operator("aten::conv_transpose2d", "input")
    static let batchNorm = Operator("aten::batch_norm")
    static let maxPool2d = Operator("aten::max_pool2d")
    static let upsampleBilinear = Operator("aten::upsample_bilinear2d")
    static let relu = Operator("aten::relu")
    static let conv1d = Operator("aten::conv1d")
    static let groupNorm = Operator("aten::group_norm")
    static let upsampleNearest = Operator("aten::upsample_nearest2d")
    static let averagePool = Operator("aten::adaptive_avg_pool2d")
    static let adaptiveMaxPool = Operator("aten::adaptive_max_pool2d")
    static let pad = Operator("aten::constant_pad_nd")
    static let addInPlace = Operator("aten::add_", "Scalar")
}

extension Tensor {
    /// A convolution by a weight [outputs, inputs / groups, rows, columns], zeros beyond the edges.
    package func convolved(
        _ weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
    ) -> Tensor {
        OperationCount.add {
            [2, 3].reduce(size(0) * weight.count) { count, axis in
                count * ((size(axis) + 2 * padding - dilation * (weight.size(axis) - 1) - 1) / stride + 1)
            }
        }
        return Aten.conv2d(
            .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]), .ints([padding, padding]),
            .ints([dilation, dilation]), .int(groups))
    }

    /// A transposed convolution by a weight [inputs, outputs, rows, columns]: enlarges the map
    /// `stride` times if the weight's size is stride + 2 padding − `more`.
    package func convolvedTransposed(_ weight: Tensor, bias: Tensor? = nil, stride: Int, padding: Int = 0, more: Int = 0) -> Tensor {
        OperationCount.add { size(0) * size(2) * size(3) * weight.count }
        return Aten.convTranspose2d(
            .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]), .ints([padding, padding]), .ints([more, more]),
            .int(1),
            .ints([1, 1]))
    }

    /// A convolution of sequences [B, C, L] by a weight [outputs, inputs / groups, k], zeros beyond
    /// the ends.
    package func convolvedAlong(_ weight: Tensor, bias: Tensor? = nil, padding: Int = 0, groups: Int = 1) -> Tensor {
        OperationCount.add { size(0) * (size(2) + 2 * padding - weight.size(2) + 1) * weight.count }
        return Aten.conv1d(
            .tensor(self), .tensor(weight), .optional(bias), .ints([1]), .ints([padding]), .ints([1]), .int(groups))
    }

    /// Group normalisation: each image's channels in `groups`, then a scale and shift per channel.
    package func groupNormalized(_ groups: Int, weight: Tensor, bias: Tensor, epsilon: Double) -> Tensor {
        Aten.groupNorm(.tensor(self), .int(groups), .tensor(weight), .tensor(bias), .double(epsilon), .bool(true))
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

    /// The greatest value of each square of `side`×`side`, `stride` apart; their own size unless
    /// given.
    package func maxPooled(_ side: Int, stride: Int? = nil) -> Tensor {
        let step = stride ?? side
        return Aten.maxPool2d(.tensor(self), .ints([side, side]), .ints([step, step]), .ints([0, 0]), .ints([1, 1]), .bool(false))
    }

    /// The greatest value of the `rows`×`columns` pixels around each pixel; both are odd.
    package func maxPooledInPlace(rows: Int, columns: Int) -> Tensor {
        Aten.maxPool2d(
            .tensor(self), .ints([rows, columns]), .ints([1, 1]), .ints([rows / 2, columns / 2]), .ints([1, 1]), .bool(false))
    }

    /// Means over equal parts of the map, `height`×`width` of them.
    package func averagePooled(height: Int, width: Int) -> Tensor { Aten.averagePool(.tensor(self), .ints([height, width])) }
    /// The greatest values of equal parts of the map, `height`×`width` of them.
    package func maxPooled(height: Int, width: Int) -> Tensor {
        Aten.adaptiveMaxPool([.tensor(self), .ints([height, width])], results: 2)[0]
    }

    /// The map with zeros below and on the right, `height`×`width` in all.
    package func padded(height: Int, width: Int) -> Tensor {
        Aten.pad(.tensor(self), .ints([0, width - size(3), 0, height - size(2)]), .double(0))
    }

    /// Each value `scale`×`scale` times.
    package func upsampledNearest(_ scale: Int) -> Tensor {
        Aten.upsampleNearest(.tensor(self), .ints([scale * size(2), scale * size(3)]), .none, .none)
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
