"""The shared library, and weights that it holds."""
import ctypes
import functools
import json
import math
import numbers
import os
import pathlib
import sys
import weakref


class Error(ValueError):
    """Says in one line what is wrong with weights, an array or a setting, and what helps."""


class Weights:
    """Weights that the library holds until nothing refers to this any more.

    Copies of a model share one: the library's weights never change. A pickled one reopens the file, since a pointer means nothing to another process.
    """

    def __init__(self, path, image_size, threshold, threads):
        image_size = _whole("image_size", image_size, 32, 4096, "a multiple of 32 from 32 to 4096")
        threads = _whole("threads", threads, 1, 4096, "a whole number from 1 to 4096")
        self._settings = path and os.path.abspath(path), image_size, _probability(threshold), threads
        message = ctypes.create_string_buffer(4096)
        # 0 stands for the weights' own.
        pointer = library().vmunet_open(
            None if path is None else os.fsencode(path), image_size or 0, self._settings[2] or 0, threads or 0, message, len(message))
        if not pointer:
            raise Error(message.value.decode(errors="replace"))
        self.pointer = pointer
        weakref.finalize(self, library().vmunet_close, pointer)
        size = library().vmunet_describe(pointer, None, 0)
        text = ctypes.create_string_buffer(size)
        library().vmunet_describe(pointer, text, size)
        self.description = text.value.decode()

    def facts(self):
        return json.loads(self.description)

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return _reopened, (*self._settings, self.description)


def _reopened(path, image_size, threshold, threads, description):
    weights = Weights(path, image_size, threshold, threads)
    if weights.description != description:
        raise Error(f"{path or 'the weights of this package'}: are others than those of the pickled model; open a new vmunet.Model")
    return weights


def path_of(weights):
    """A path as text; None for the weights that come with the package."""
    if weights is None:
        return None
    try:
        path = os.fsdecode(weights)
    except TypeError:
        raise Error(f"weights: expected a path or None, got {type(weights).__name__}") from None
    if not path or "\0" in path:
        raise Error(f"weights: expected a path or None, got {path!r}")
    return path


def _whole(name, value, least, most, expected):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not least <= value <= most:
        raise Error(f"{name}: expected {expected}, or None, got {value!r}")
    return int(value)


def _probability(threshold):
    if threshold is None:
        return None
    is_number = isinstance(threshold, numbers.Real) and not isinstance(threshold, bool) and math.isfinite(threshold)
    if not is_number or not 0.000001 <= threshold <= 0.999999:
        raise Error(f"threshold: expected a number from 0.000001 to 0.999999, or None for the weights' own, got {threshold!r}")
    return float(threshold)


@functools.lru_cache(maxsize=1)
def library():
    """The shared library, with its functions' types (Sources/CInterface/include/vmunet.h)."""
    name = "_library" + (".dylib" if sys.platform == "darwin" else ".so")
    library = ctypes.CDLL(str(pathlib.Path(__file__).with_name(name)))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64
    kinds = {kind: ctypes.POINTER(kind) for kind in (ctypes.c_uint8, ctypes.c_float, ctypes.c_double)}
    of_bytes = kinds[ctypes.c_uint8]
    library.vmunet_open.restype = pointer
    library.vmunet_open.argtypes = [text, number, ctypes.c_double, number, text, number]
    library.vmunet_close.restype = None
    library.vmunet_close.argtypes = [pointer]
    library.vmunet_describe.restype = number
    library.vmunet_describe.argtypes = [pointer, text, number]
    library.vmunet_segment_picture.argtypes = [pointer, of_bytes, number, number, number, of_bytes, of_bytes, text, number]
    library.vmunet_segment_volume.argtypes = [
        pointer, kinds[ctypes.c_float], number, number, number, number, kinds[ctypes.c_double], of_bytes, text, number]
    return library
