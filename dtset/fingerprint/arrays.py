"""NumPy's arrays, scalars, dtypes and functions, by content and at the speed of the hash."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from dtset.fingerprint.description import Context, Description, Mark, NoFingerprint, Part
from dtset.fingerprint.functions import describe_mark


def describe_numpy(value: Any, context: Context) -> Description | None:
    """Describe a NumPy value; None for what is none, or is better described by its state."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        if isinstance(value, numpy.ma.MaskedArray):
            return _masked(numpy, value)
        return _array(numpy, value)
    if isinstance(value, numpy.generic):
        if value.dtype.hasobject:
            return _array(numpy, numpy.asarray(value))
        return Description(
            ("numpy scalar", type(value).__name__, *_dtype(value.dtype), value.tobytes()),
            shown=str(value) if value.ndim == 0 and len(str(value)) < 60 else None,
        )
    if isinstance(value, numpy.dtype):
        return Description(("numpy dtype", *_dtype(value)), shown=str(value))
    if isinstance(value, numpy.ufunc):
        return _ufunc(value)
    return None


def _dtype(dtype: Any) -> tuple[str, int, str]:
    return str(dtype.str), int(dtype.itemsize), repr(dtype)


def _array(numpy: Any, array: Any) -> Description:
    label: tuple[Any, ...] = ("ndarray", *_dtype(array.dtype), tuple(array.shape))
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        # The order of a sum of floats hangs on it, and it survives the way to a worker.
        label += ("F",)
    parts: list[Part] = []
    if type(array) is not numpy.ndarray and type(array) is not numpy.memmap:
        parts.append(Part.of_class(array))
        parts += [
            Part(f"state {name}", part, "attribute", name)
            for name, part in sorted(getattr(array, "__dict__", {}).items())
        ]
    plain = numpy.asarray(array)
    if plain.dtype.names is not None and plain.dtype.hasobject:
        parts += [Part(f"field {name}", plain[name], "field", name) for name in plain.dtype.names]
    elif plain.dtype.hasobject or plain.dtype.kind == "T":
        parts.append(Part("elements", plain.ravel().tolist(), "elements"))
    else:
        label += (_digest(numpy, plain),)
    return Description(label, parts, shown=f"array {array.dtype} {tuple(array.shape)}")


def _digest(numpy: Any, array: Any) -> bytes:
    flat = array.reshape(-1, order="F" if array.flags.f_contiguous else "C")
    if flat.dtype.names is not None:
        # Field by field: what lies between fields is nobody's.
        parts = [_digest(numpy, flat[name]) for name in flat.dtype.names]
        return hashlib.sha256(b"".join(parts)).digest()
    contiguous = numpy.ascontiguousarray(flat)
    if not contiguous.size:
        return hashlib.sha256(b"").digest()
    raw = contiguous.view(numpy.uint8)
    padding = _padding(numpy, contiguous.dtype)
    if padding:
        width = numpy.dtype(numpy.longdouble).itemsize
        raw = numpy.ascontiguousarray(raw.reshape(-1, width)[:, : width - padding]).reshape(-1)
    return hashlib.sha256(raw).digest()


def _padding(numpy: Any, dtype: Any) -> int:
    """Bytes at the end of each number that are not part of it: x86 has 80 bits in 128."""
    if dtype.char not in "gG" or numpy.finfo(numpy.longdouble).nmant != 63:
        return 0
    return int(numpy.dtype(numpy.longdouble).itemsize) - 10


def _masked(numpy: Any, array: Any) -> Description:
    parts = [
        Part.of_class(array),
        Part("data", numpy.asarray(array.data), "data"),
        Part("mask", numpy.ma.getmaskarray(array), "mask"),
        Part("fill value", numpy.asarray(array.fill_value), "fill value"),
        Part("hard mask", bool(array.hardmask), "hard mask"),
    ]
    return Description(("masked array",), parts)


def _ufunc(ufunc: Any) -> Description:
    name = str(ufunc.__name__)
    for module_name in ("numpy", "scipy.special"):
        module = sys.modules.get(module_name)
        if module is not None and getattr(module, name, None) is ufunc:
            return describe_mark(Mark.library(module_name, f"{module_name}.{name}"))
    raise NoFingerprint(f"the ufunc {name!r} was made at run time, from code that cannot be seen")
