"""Cutting a stream of elements into batches that stay small in memory."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from dtset.storage.batch import Batch, Rows

Batches: TypeAlias = Generator[Batch, None, None]

_FIRST = 64
_GROWTH = 8
_TARGET_BYTES = 4 * 2**20


def batched(elements: Iterator[Any], limit: int) -> Batches:
    """Cut a stream into batches of at most `limit` elements, shorter where elements are large.

    Examples
    --------
    >>> [len(batch) for batch in batched(iter(range(1000)), limit=256)]
    [64, 256, 256, 256, 168]
    """
    size = min(limit, _FIRST)
    while batch := list(islice(elements, size)):
        yield Rows(batch)
        size = next_size(batch, limit)


def next_size(batch: Sequence[Any], limit: int) -> int:
    """Length of the batch after this one, judged by the size of a few of its elements."""
    middle = batch[len(batch) // 2]
    weight = max(_weight(batch[0]), _weight(middle), _weight(batch[-1]))
    return max(1, min(limit, len(batch) * _GROWTH, _TARGET_BYTES // weight))


def _weight(element: Any) -> int:
    """Bytes that an element takes, contents of plain containers one level deep included."""
    weight = sys.getsizeof(element) + int(getattr(element, "nbytes", 0))
    if isinstance(element, (tuple, list)) and element:
        weight += len(element) * sys.getsizeof(element[0])
    return weight
