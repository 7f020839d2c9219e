import CKernels
import VMUNet

/// The kernels' engine predicts on any CPU and in a browser, in float32 and bfloat16, using only
/// CKernels.
///
/// Its operators do not compute. They record the work on a ``Tape``; a ``Plan`` assigns every map
/// its place in one piece of memory, and then does the work any number of times without allocating.
package enum KernelsEngine: Engine {
    /// Weights by checkpoint key.
    package typealias Source = KernelWeights

    /// One image's map in a plan: H rows, W columns, C channels. A plan does the same for any number
    /// of images.
    package struct Tensor {
        let tape: Tape
        let height: Int
        let width: Int
        let channels: Int
        let type: vmk_type
        let place: Place
        /// Elements between tokens.
        let stride: Int

        var tokens: Int { height * width }
    }

    /// Adds the step that cuts images into patches.
    package static func patchify(_ images: Tensor, channels: Int) -> Tensor {
        let tape = images.tape
        let patches = tape.map(like: images, height: images.height / 4, width: images.width / 4, channels: 16 * channels)
        tape.append(.patchify(images: images.place, patches: patches.place, Picture(images, channels: channels)), [images], patches)
        return patches
    }

    /// Adds a product.
    package static func linear(
        _ x: Tensor, _ weight: KernelParameter, bias: KernelParameter?, residual: Tensor?, to precision: Precision?
    ) -> Tensor {
        let type = precision?.type ?? (residual == nil ? x.type : VMK_FLOAT32)
        return product(x, weight, bias: bias, residual: residual, type)
    }

    /// Adds a product whose halves are kept apart.
    package static func linearHalves(_ x: Tensor, _ weight: KernelParameter) -> (Tensor, Tensor) {
        let whole = product(x, weight, bias: nil, residual: nil, x.type)
        return (whole.half(0), whole.half(1))
    }

    private static func product(
        _ x: Tensor, _ weight: KernelParameter, bias: KernelParameter?, residual: Tensor?, _ type: vmk_type
    ) -> Tensor {
        let tape = x.tape
        let y = tape.map(like: x, channels: weight.outputs, type: type)
        let product = Product(
            tokens: x.tokens, columns: weight.outputs, depth: weight.inputs, xType: x.type, yType: type, xStride: x.stride, x: x.place,
            y: y.place, residual: residual?.place, weight: tape.weights.packed(weight, for: x.type),
            bias: bias.map { tape.weights.values($0) })
        if let residual {
            tape.append(.product(product), [x, residual], y, inPlaceOf: residual)
        } else {
            tape.append(.product(product), [x], y)
        }
        return y
    }

    /// Adds a LayerNorm.
    package static func layerNorm(
        _ x: Tensor, _ weight: KernelParameter, _ bias: KernelParameter, to precision: Precision
    ) -> Tensor {
        let y = x.tape.map(like: x, type: precision.type)
        x.tape.append(.layerNorm(x: x.place, y: y.place, Rows(x, y), x.tape.norm(weight, bias)), [x], y)
        return y
    }

    /// Adds a depthwise convolution with SiLU.
    package static func depthwiseConvolutionSiLU(_ x: Tensor, _ weight: KernelParameter, _ bias: KernelParameter) -> Tensor {
        let y = x.tape.map(like: x)
        let filter = Affine(weight: x.tape.weights.values(weight), bias: x.tape.weights.values(bias))
        x.tape.append(.depthwise(x: x.place, y: y.place, Shape(x), filter), [x], y)
        return y
    }

    /// Adds the selective scan in four directions.
    package static func ss2d(_ x: Tensor, _ parameters: SS2DParameters<KernelParameter>) -> Tensor {
        let tape = x.tape
        let projection = product(x, parameters.xProjWeight, bias: nil, residual: nil, VMK_FLOAT32)
        let y = tape.map(like: x, type: VMK_FLOAT32)
        let scan = Scan(
            x: x.place, projection: projection.place, y: y.place, shape: Shape(x), states: parameters.aLogs.inputs,
            rank: parameters.dtProjsWeight.inputs / x.channels, prepared: tape.weights.scan(parameters, channels: x.channels))
        tape.append(.scan(scan), [x, projection], y)
        return y
    }

    /// Adds a gated LayerNorm.
    package static func normGate(_ y: Tensor, _ weight: KernelParameter, _ bias: KernelParameter, _ z: Tensor) -> Tensor {
        let out = y.tape.map(like: y, type: z.type)
        let step = Step.normGate(y: y.place, z: z.place, out: out.place, Rows(y, z), y.tape.norm(weight, bias))
        y.tape.append(step, [y, z], out, inPlaceOf: z.type == y.type ? y : nil)
        return out
    }

    /// Adds the merging of patches.
    package static func mergeNorm(
        _ x: Tensor, _ weight: KernelParameter, _ bias: KernelParameter, to precision: Precision
    ) -> Tensor {
        let y = x.tape.map(like: x, height: x.height / 2, width: x.width / 2, channels: 4 * x.channels, type: precision.type)
        x.tape.append(.mergeNorm(x: x.place, y: y.place, Shape(x), y.type, x.tape.norm(weight, bias)), [x], y)
        return y
    }

    /// Adds the expanding of patches.
    package static func expandNorm(_ x: Tensor, _ weight: KernelParameter, _ bias: KernelParameter, scale: Int) -> Tensor {
        let y = x.tape.map(
            like: x, height: x.height * scale, width: x.width * scale, channels: x.channels / (scale * scale), type: VMK_FLOAT32)
        x.tape.append(.expandNorm(x: x.place, y: y.place, Shape(x), scale: scale, x.tape.norm(weight, bias)), [x], y)
        return y
    }

    /// Adds the final projection.
    package static func head(
        _ x: Tensor, normWeight: KernelParameter, normBias: KernelParameter, weight: KernelParameter, bias: KernelParameter
    ) -> Tensor {
        let tape = x.tape
        let logits = tape.map(like: x, height: 4 * x.height, width: 4 * x.width, channels: weight.outputs, type: VMK_FLOAT32)
        let convolution = Affine(weight: tape.weights.values(weight), bias: tape.weights.values(bias))
        tape.append(
            .head(x: x.place, logits: logits.place, Shape(x), classes: weight.outputs, tape.norm(normWeight, normBias), convolution),
            [x], logits)
        return logits
    }

    /// Ignores `scale`: this engine does not train.
    package static func addBranch(_ x: Tensor, _ branch: Tensor, scale: Tensor?) -> Tensor {
        let y = x.tape.map(like: x, type: VMK_FLOAT32)
        x.tape.append(.add(x: x.place, branch: branch.place, y: y.place, Shape(x), branch.type), [x, branch], y, inPlaceOf: x)
        return y
    }

    /// Adds a change of element type.
    package static func cast(_ x: Tensor, to precision: Precision) -> Tensor {
        if x.type == precision.type { return x }
        let y = x.tape.map(like: x, type: precision.type)
        x.tape.append(.cast(x: x.place, y: y.place, Shape(x), y.type), [x], y)
        return y
    }

    /// Adds the steps of `body`; their names are not needed.
    package static func module(_ name: @autoclosure () -> String, _ body: () -> Tensor) -> Tensor {
        body()
    }

    /// Only training calls this, which this engine does not support.
    package static func branchScale(rate: Double, imagesOf x: Tensor) -> Tensor { x }
}

extension KernelsEngine.Tensor {
    /// The first or second half of the channels.
    fileprivate func half(_ i: Int) -> Self {
        let half = channels / 2
        return Self(
            tape: tape, height: height, width: width, channels: half, type: type,
            place: place.advanced(by: i * half * type.bytes), stride: stride)
    }
}

extension Precision {
    var type: vmk_type { self == .bfloat16 ? VMK_BFLOAT16 : VMK_FLOAT32 }
}

extension vmk_type {
    var bytes: Int { self == VMK_BFLOAT16 ? 2 : 4 }
}
