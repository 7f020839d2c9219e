import TensorFiles
import TestSupport
import Torch

/// ``relativeDistance`` of tensors.
func relativeDistance(_ got: Tensor, _ expected: HostTensor) -> Double { relativeDistance(got.floats(), expected.floats) }
