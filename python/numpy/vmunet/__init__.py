"""Segments NumPy arrays with VM-UNet on a CPU, without torch.

    import vmunet
    found = vmunet.segment(picture)                          # uint8 [H, W] or [H, W, 3]; the weights that come with the package
    found.labels, found.probability, found.names             # uint8 [H, W], float32 [H, W], the classes' names

Research software, not a medical device.
"""
import ctypes
import functools
from dataclasses import dataclass

import numpy as np

from ._weights import Error, Weights, library, path_of

__all__ = ["Error", "Model", "Result", "segment"]
Error.__module__ = __name__  # the name to catch it by


@dataclass(frozen=True)
class Result:
    """The classes of a picture or volume."""

    labels: np.ndarray
    """The number of each pixel's or voxel's class, uint8, of the input's own size; 0 is background."""
    probability: "np.ndarray | None"
    """The foreground's probability, float32 0…1 in 255 steps; None for volumes."""
    names: "tuple[str, ...]"
    """The classes' names, background first."""

    def share(self, label=1):
        """The share of the pixels or voxels that a class takes, 0…1."""
        return float(np.count_nonzero(self.labels == label)) / self.labels.size


class Model:
    """Weights that were read once. Any number of threads may use one; Python's lock is free meanwhile. Copies share the weights; a pickled model
    opens its file anew, by its absolute path.

    weights: a .safetensors or .pth file, or a run's folder, whose best weights count; None takes those that come with the package (single pigmented
        lesions in dermoscopic pictures, and nothing else). image_size, threshold: None takes the weights' own. threads: of this process; None takes as
        many as suit the machine.
    """

    def __init__(self, weights=None, image_size=None, threshold=None, threads=None):
        self._weights = Weights(path_of(weights), image_size, threshold, threads)
        self.facts = self._weights.facts()
        """The weights' metadata: classes, class_names, input, modality, image_size, threshold, channels, voxel_order, summary."""

    def segment(self, array, affine=None):
        """Segments a picture or a volume; `Result` has arrays of its size.

        A picture is uint8, [H, W] or [H, W, 1], 3 or 4 channels (grey, RGB, RGBA). A volume, for weights of volumes, is [slices, rows, columns] or
        [channels, slices, rows, columns] of any number type, in the scanner's unit: the weights' own window is applied. `affine` is NIfTI's, 3×4 or
        4×4, from (column, row, slice, 1) to millimetres, and lets the volume be turned to the voxel order of training; without it the volume is taken
        as it lies. Nibabel's arrays have the other order of axes: `np.asarray(image.dataobj).T` with `image.affine`.
        """
        array = np.asarray(array)
        is_volume = self.facts.get("input") == "volumes" or (self.facts.get("input") is None and array.ndim >= 3 and array.shape[-1] > 4)
        return self._volume(array, affine) if is_volume else self._picture(array)

    def _picture(self, array):
        if array.dtype != np.uint8 or array.ndim not in (2, 3):
            raise Error(f"a picture is uint8 of [H, W] or [H, W, channels], got {array.dtype} {list(array.shape)}")
        pixels = np.ascontiguousarray(array)
        height, width = pixels.shape[:2]
        labels, probability = np.empty((height, width), np.uint8), np.empty((height, width), np.uint8)
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        self._run("vmunet_segment_picture", _bytes(pixels), height, width, channels, _bytes(labels), _bytes(probability))
        return Result(labels, probability.astype(np.float32) / 255, tuple(self.facts["class_names"]))

    def _volume(self, array, affine):
        if array.ndim not in (3, 4) or array.dtype.kind not in "iufb":
            raise Error(f"a volume is numbers of [slices, rows, columns] or [channels, slices, rows, columns], got {array.dtype} {list(array.shape)}")
        values = np.ascontiguousarray(array if array.ndim == 4 else array[None], np.float32)
        place = None
        if affine is not None:
            affine = _affine(affine)
            place = affine.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        labels = np.empty(values.shape[1:], np.uint8)
        floats = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        self._run("vmunet_segment_volume", floats, *values.shape, place, _bytes(labels))
        return Result(labels, None, tuple(self.facts["class_names"]))

    def _run(self, function, *arguments):
        message = ctypes.create_string_buffer(4096)
        if getattr(library(), function)(self._weights.pointer, *arguments, message, len(message)):
            raise Error(message.value.decode(errors="replace"))


def segment(array, weights=None, affine=None, **settings):
    """Segments one array; `Model` has the settings and the forms of arrays. The weights of the last call are kept for the next."""
    key = path_of(weights), tuple(sorted(settings.items()))
    try:
        hash(key)
    except TypeError:  # no number: Model says so
        return Model(weights, **settings).segment(array, affine)
    return _model(*key).segment(array, affine)


@functools.lru_cache(maxsize=1)
def _model(weights, settings):
    return Model(weights, **dict(settings))


def _affine(given):
    try:
        affine = np.asarray(given)
        if affine.dtype.kind not in "iuf":
            raise ValueError
    except ValueError:
        got = " ".join(repr(given).split())
        raise Error(f"an affine is 3×4 or 4×4 real numbers, got {got if len(got) <= 60 else got[:60] + '…'}") from None
    if affine.shape not in ((3, 4), (4, 4)):
        raise Error(f"an affine is 3×4 or 4×4, got {list(affine.shape)}")
    return np.ascontiguousarray(affine, np.float64)


def _bytes(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
