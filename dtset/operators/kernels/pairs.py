"""Pairs of a key and a value, and what is taken for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dtset.operators.kernels.driver import Handler
from dtset.operators.kernels.failure import Place
from dtset.storage.batch import Batch, Rows


def paired(place: Place) -> Handler:
    """Give what `map_to_tuple`'s function returned, as pairs."""
    while (batch := (yield None)) is not None:
        rows = batch.rows()
        if not are_pairs(rows):
            # The batch has been gone through once: begun again, it tells which element it is.
            place.elements = iter(rows)
            with place.noting():
                rows = [pair_of(element) for element in place.elements]
        yield Rows(rows, pairs=True)


def pairs_of(batch: Batch, place: Place) -> Iterator[tuple[Any, Any]]:
    """Give the elements of a batch as pairs; the place knows how far they were read."""
    rows = batch.rows()
    elements = place.enter(rows)
    are_known = isinstance(batch, Rows) and batch.pairs
    return elements if are_known or are_pairs(rows) else map(pair_of, elements)


def are_pairs(batch: Sequence[Any]) -> bool:
    """Whether all elements are plain tuples of two, asked without a call for each."""
    return set(map(type, batch)) == {tuple} and set(map(len, batch)) == {2}


def pair_of(element: Any) -> tuple[Any, Any]:
    """Return an element as a pair: a tuple (a named one too) of two as it is, a list of two as a tuple.

    Examples
    --------
    >>> pair_of(["a", 1])
    ('a', 1)
    """
    if isinstance(element, tuple | list) and len(element) == 2:
        return element if isinstance(element, tuple) else (element[0], element[1])
    raise TypeError(
        f"a pair is a tuple (key, value), or a list of the two; this is {type(element).__qualname__} {element!r:.80}"
    )
