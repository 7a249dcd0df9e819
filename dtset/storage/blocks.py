"""Blocks: a batch as one bytes object, for caches and for exchange between tasks."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import prod
from typing import Any

import google_crc32c
import numpy as np

from dtset.errors import CorruptCheckpointError
from dtset.storage.batch import Batch, Encoder
from dtset.storage.columns import Columns, concatenate, widen
from dtset.storage.kinds import Array
from dtset.storage.pickling import ClassResolver, present_class, refuse_pickle
from dtset.storage.schema import Schema, arrays_of, fits

_MAGIC = b"dtsetb3\n"
_HEAD = struct.Struct("<8sI")
_CRC = struct.Struct("<I")
_PIECE_ROWS = 16384
_to_json = json.JSONEncoder(separators=(",", ":")).encode
# Where arrays begin, so that they can be read where they lie.
_ALIGNMENT = 8
# Bytes of a header that is worth keeping.
_SMALL = 1024


def encode_block(
    batch: Batch, *, allow_pickle: bool = True, resolver: ClassResolver | None = None
) -> bytes:
    """Encode a batch as one self-describing bytes object with a checksum.

    With a `resolver`, of pickled elements the first of each type is read back, as it will be by who decodes the
    block. How the elements came, as rows or as columns, leaves no trace.

    Examples
    --------
    >>> from dtset.storage.batch import Rows, rows_of
    >>> block = encode_block(Rows([("a", 1.5), ("b", 2.5)]))
    >>> list(rows_of(decode_block(block)))
    [('a', 1.5), ('b', 2.5)]
    """
    encoder = Encoder(allow_pickle, resolver)
    segments = [concatenate(run) for run in _runs(batch, encoder)]
    header = {
        "segments": [
            [part.schema.to_json(), len(part), [len(array) for array in part.arrays]]
            for part in segments
        ],
        "classes": sorted(encoder.classes),
    }
    described = _to_json(header).encode("ascii")
    arrays = [array.reshape(-1).view(np.uint8) for part in segments for array in part.arrays]
    described += b" " * _padding(_HEAD.size + len(described))
    pieces: list[Any] = [_HEAD.pack(_MAGIC, len(described)), described]
    for array in arrays:
        pieces += [array, bytes(_padding(array.nbytes))]
    crc = reduce(google_crc32c.extend, pieces, 0)
    return b"".join([*pieces, _CRC.pack(crc)])


def _padding(length: int) -> int:
    return -length % _ALIGNMENT


def _runs(batch: Batch, encoder: Encoder) -> Iterator[list[Columns]]:
    """Encode piecewise, so that one odd element does not cost the others their columns."""
    run: list[Columns] = []
    for start in range(0, len(batch), _PIECE_ROWS):
        piece = encoder.encode(batch[start : start + _PIECE_ROWS])
        if run and fits(piece.schema, run[0].schema):
            run.append(widen(piece, run[0].schema))
        else:
            if run:
                yield run
            run = [piece]
    if run:
        yield run


def decode_block(
    block: bytes, classes: ClassResolver = present_class, *, allow_pickle: bool = True
) -> list[Columns]:
    """Read a block, as columns over its bytes.

    If it holds pickles, it has to be from a trusted source.
    """
    described, position = _checked(block)
    batches = []
    for schema, rows, lengths in described.segments:
        if schema.is_pickled and not allow_pickle:
            raise refuse_pickle("a block")
        arrays: list[Array] = []
        for spec, length in zip(arrays_of(schema), lengths, strict=True):
            array: Array = np.frombuffer(block, spec.dtype, length * prod(spec.shape), position)
            arrays.append(array.reshape(length, *spec.shape))
            position += array.nbytes + _padding(array.nbytes)
        batches.append(Columns(schema, rows, tuple(arrays), classes, described.classes))
    return batches


def block_classes(block: bytes) -> frozenset[tuple[str, str]]:
    """Return module and qualified name of the user's classes that a block refers to."""
    described, _ = _checked(block)
    return described.classes


@dataclass(frozen=True, slots=True)
class _Described:
    """What a block says of itself: of each segment its schema, rows, and the lengths of its arrays."""

    segments: list[tuple[Schema, int, list[int]]]
    classes: frozenset[tuple[str, str]]


def _describe(header: bytes) -> _Described:
    """Read the header of a block."""
    found = json.loads(header)
    segments = [
        (Schema.from_json(parts), rows, lengths) for parts, rows, lengths in found["segments"]
    ]
    return _Described(segments, frozenset((module, name) for module, name in found["classes"]))


# A thousand partials of one value each have one header.
_describe_small = lru_cache(maxsize=64)(_describe)


def _checked(block: bytes) -> tuple[_Described, int]:
    """Verify a block; return what it says of itself, and where its arrays start."""
    size = len(block) - _CRC.size
    if size < _HEAD.size or block[: len(_MAGIC)] != _MAGIC:
        raise CorruptCheckpointError(
            f"expected a block of elements, found {len(block)} bytes that are none: compute it anew"
        )
    (expected,) = _CRC.unpack_from(block, size)
    found = google_crc32c.value(np.frombuffer(block, np.uint8, size))
    if found != expected:
        raise CorruptCheckpointError(
            f"a block of {len(block)} bytes is damaged: expected CRC32C {expected:08x}, found {found:08x}: "
            "compute it anew"
        )
    _, length = _HEAD.unpack_from(block)
    start = _HEAD.size + length
    describe = _describe_small if length < _SMALL else _describe
    return describe(block[_HEAD.size : start]), start
