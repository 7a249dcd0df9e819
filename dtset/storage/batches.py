"""Batches of elements as columns, typed where that is exact and pickled where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dtset.errors import UsageError
from dtset.storage.columns import Columns, from_columns, row_weights, to_columns
from dtset.storage.kinds import Array, Unfit
from dtset.storage.pickling import (
    ClassResolver,
    dump_rows,
    load_rows,
    present_class,
    refuse_pickle,
)
from dtset.storage.schema import PICKLED

__all__ = ["decode_batch", "encode_batch", "pickle_columns", "weighed_batch"]


def encode_batch(
    batch: Sequence[object],
    *,
    allow_pickle: bool = True,
    classes: set[tuple[str, str]] | None = None,
    reading: ClassResolver | None = None,
) -> Columns:
    """Encode elements as columns.

    Parameters
    ----------
    batch : sequence
        The elements.
    allow_pickle : bool
        Whether elements that have no typed columns may be pickled.
    classes : set of (module, qualname), optional
        Where to add the user's classes that pickles refer to.
    reading : callable, optional
        Reads a sample of what is pickled back.

    Raises
    ------
    UsageError
        The elements would have to be pickled and may not, or cannot be pickled and unpickled.

    Examples
    --------
    >>> decode_batch(encode_batch([True, False]))
    [True, False]
    >>> encode_batch([True, 0]).schema.kind
    'pickled'
    """
    columns, _ = weighed_batch(batch, allow_pickle, set() if classes is None else classes, reading)
    return columns


def weighed_batch(
    batch: Sequence[object],
    allow_pickle: bool,
    classes: set[tuple[str, str]],
    reading: ClassResolver | None = None,
) -> tuple[Columns, Array]:
    """Encode elements, and tell about how many bytes each takes, whatever batch it is in.

    Examples
    --------
    >>> columns, weights = weighed_batch([1, 2], True, set())
    >>> weights.tolist()
    [8, 8]
    """
    try:
        columns = to_columns(batch)
    except Unfit as reason:
        if not allow_pickle:
            raise _refusal(str(reason)) from None
        pickled = dump_rows(batch, classes, reading)
        return pickled.columns, pickled.weights
    return columns, row_weights(columns)


def pickle_columns(columns: Columns, allow_pickle: bool) -> Columns:
    """Return typed columns as pickled ones, for a batch whose other elements are of another kind.

    Examples
    --------
    >>> pickle_columns(encode_batch([1]), True).schema.kind
    'pickled'
    """
    if columns.schema == PICKLED:
        return columns
    if not allow_pickle:
        raise _refusal("elements of different kinds mixed")
    return dump_rows(from_columns(columns), set()).columns


def decode_batch(
    columns: Columns,
    *,
    resolver: ClassResolver = present_class,
    allow_pickle: bool = True,
) -> list[Any]:
    """Decode columns to the elements they were made from, of the same values and types.

    Parameters
    ----------
    columns : Columns
        From a trusted source, if they are pickled.
    resolver : callable
        Gives the present program's class for a module and a qualified name.
    allow_pickle : bool
        Whether pickles may be read.

    Raises
    ------
    UntrustedCheckpointError
        They are pickled, and pickles may not be read.

    Examples
    --------
    >>> decode_batch(encode_batch([-0.0, 1.5]))
    [-0.0, 1.5]
    """
    if columns.schema != PICKLED:
        return from_columns(columns)
    if not allow_pickle:
        raise refuse_pickle("the batch")
    return load_rows(columns, resolver)


def _refusal(reason: str) -> UsageError:
    return UsageError(
        f"{reason} can only be stored as pickles, and dtset.pickle.allow is false: map them to numbers, "
        "texts, bytes, None or tuples of one shape, or allow pickles"
    )
