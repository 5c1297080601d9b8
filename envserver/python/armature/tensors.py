"""NumPy arrays to and from the wire's ``Tensor`` (``proto/tensor.proto``).

Thread safety: free functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from armature import wire
from armature.errors import WireError

# The wire's dtypes by number, little-endian as they are sent.
NUMPY_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("<i8"),
    5: np.dtype("u1"),
}
WIRE_DTYPES = {dtype: number for number, dtype in NUMPY_DTYPES.items()}
_UINT8 = WIRE_DTYPES[np.dtype("u1")]


def wire_dtype(dtype: npt.DTypeLike) -> int:
    """The wire's number of a NumPy dtype. WireError: the wire has no such dtype."""
    number = WIRE_DTYPES.get(np.dtype(dtype).newbyteorder("<"))
    if number is None:
        names = ", ".join(str(known) for known in NUMPY_DTYPES.values())
        raise WireError(f"dtype {np.dtype(dtype)} does not cross the wire; expected one of {names}")
    return number


def without_negative_zero(number: float) -> float:
    """-0 becomes 0: equal bounds have one wire form, and one hash."""
    return number + 0.0


def set_tensor(tensor: Any, array: npt.NDArray[Any]) -> None:
    """Writes `array` (C order, little-endian) into the message `tensor`."""
    tensor.dtype = wire_dtype(array.dtype)
    tensor.shape[:] = array.shape
    tensor.packed = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes()


def get_tensor(
    tensor: Any, dtype: int, shape: Sequence[int], name: str, copy: bool = False
) -> npt.NDArray[Any]:
    """The values of `tensor`, [shape...]; an extent of -1 fits any.

    Without `copy` the array is read-only and shares the message's bytes.
    WireError, naming `name`: another dtype, shape or number of bytes, or a floating
    value that is not finite (with its index).
    """
    packed = tensor.packed  # Of which protobuf makes a copy each time.
    actual = tuple(tensor.shape)
    numpy_dtype = NUMPY_DTYPES[dtype]
    if (
        tensor.dtype != dtype
        or actual != tuple(shape)
        or math.prod(actual) * numpy_dtype.itemsize != len(packed)
    ):
        _check_form(tensor, dtype, shape, name)
    values = np.frombuffer(packed, dtype=numpy_dtype).reshape(actual)
    if numpy_dtype.kind == "f":
        index = first_non_finite(values)
        if index is not None:
            raise WireError(f"{name}{_shape(index)} is {values[index]}, expected a finite value")
    return values.copy() if copy else values


def _check_form(tensor: Any, dtype: int, shape: Sequence[int], name: str) -> None:
    """WireError: the form of `tensor` is not the one expected, where an extent of -1 fits any."""
    if tensor.dtype != dtype:
        got = wire.DTYPE_NAMES.get(tensor.dtype, tensor.dtype)
        raise WireError(f"{name}: dtype is {got}, expected {wire.DTYPE_NAMES[dtype]}")
    actual = tuple(tensor.shape)
    if len(actual) != len(shape) or any(
        want not in (-1, have) for want, have in zip(shape, actual)
    ):
        raise WireError(f"{name}: shape is {_shape(actual)}, expected {_shape(shape)}")
    if math.prod(actual) * NUMPY_DTYPES[dtype].itemsize != len(tensor.packed):
        raise WireError(
            f"{name}: {len(tensor.packed)} bytes do not fill shape {_shape(actual)} of "
            f"{wire.DTYPE_NAMES[dtype]}"
        )


def first_non_finite(values: npt.NDArray[Any]) -> tuple[int, ...] | None:
    """Index of the first NaN or infinity, or None."""
    finite = np.isfinite(values)
    if finite.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(finite)), values.shape))


def get_flags(tensor: Any, shape: Sequence[int], name: str) -> npt.NDArray[np.bool_]:
    """The values of a tensor of flags (uint8, 0 or 1) as bool. WireError as get_tensor."""
    packed = tensor.packed
    if (
        tensor.dtype != _UINT8
        or tuple(tensor.shape) != tuple(shape)
        or math.prod(shape) != len(packed)
    ):
        _check_form(tensor, _UINT8, shape, name)
    if packed.strip(b"\0\1"):  # Several times as fast as a maximum.
        raise WireError(f"{name}: holds {max(packed)}, expected 0 or 1")
    return np.frombuffer(packed, np.bool_).reshape(tuple(tensor.shape)).copy()


def _shape(shape: Sequence[int]) -> str:
    return "[" + ",".join("n" if extent < 0 else str(extent) for extent in shape) + "]"
