"""Pairs of several sides by key: sorted each, and read side by side, so that memory stays bounded.

Groups come in the order of the ranks of their keys. Of one rank, which keys by their stable hash have that are
not equal once in a while, they come in the order of their first occurrence.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from dtset.exchange.stable_hash import NEVER_NAN, nan_token
from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.pairs import are_pairs, is_columnar, pair_of
from dtset.operators.kernels.ranking import Ranking
from dtset.operators.kernels.sorting import Ranked, alike, first_of_lasts, in_order, put_together
from dtset.operators.kernels.spill import bytes_of
from dtset.storage.batch import Batch, Rows
from dtset.storage.columns import Columns, concatenate, fields_of
from dtset.storage.kinds import Array

# Of the memory of an exchange, what the pairs of one key may take that are held at once.
_SHARE = 8


class Group(NamedTuple):
    """A key with the values of each side: of some, a stream to be read once."""

    key: Any
    values: Sequence[Iterable[Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """All pairs of some keys: by side a batch, and the number of the group of each pair, ascending; the key of each group."""

    batches: Sequence[Batch]
    codes: Sequence[Array]
    keys: Columns | list[Any]


@dataclass(frozen=True, slots=True)
class LargeWindow:
    """All pairs of one rank, which do not fit the memory, as a stream of batches by side."""

    sides: Sequence[Iterator[Batch]]


def windows(
    streams: Sequence[Batches], call: Call, ranking: Ranking
) -> Iterator[Window | LargeWindow]:
    """Give the pairs of all sides in the order of the ranks of their keys, those of one rank together."""
    memory = call.memory // len(streams)
    sides = [in_order(stream, ranking.ranked, memory, call.scratch) for stream in streams]
    heads = [next(side, None) for side in sides]
    ended = [head is None for head in heads]

    def of_rank(mark: Ranked, number: int) -> Iterator[Batch]:
        """Give the pairs of one side that have a rank."""
        while (head := heads[number]) is not None:
            end = head.end_of(mark, "right")
            if end:
                yield head.batch[:end]
            heads[number] = head[end:] if end < len(head) else next(sides[number], None)
            ended[number] = heads[number] is None
            if end < len(head):
                break

    while any(head is not None for head in heads):
        open_ = [(number, head) for number, head in enumerate(heads) if head and not ended[number]]
        if not open_:
            yield _window(heads, ranking)
            break
        # What is equal to the last of a side may go on there.
        at, mark = first_of_lasts([head for _, head in open_])
        ends = [0 if head is None else head.end_of(mark, "left") for head in heads]
        if any(ends):
            pieces = list(zip(heads, ends, strict=True))
            yield _window([head[:end] if head and end else None for head, end in pieces], ranking)
            heads = [head[end:] if head and end < len(head) else None for head, end in pieces]
            continue
        number, head = open_[at]
        if bytes_of(head.batch) > call.memory // _SHARE:
            rest = [of_rank(mark, each) for each in range(len(sides))]
            yield LargeWindow(rest)
            for stream in rest:
                for _ in stream:
                    pass
        elif following := next(sides[number], None):
            heads[number] = put_together([head, following])
        else:
            ended[number] = True


def grouped(
    window: Window, *, as_pairs: bool = False
) -> tuple[list[Any], list[Iterator[list[Any]]]]:
    """Return the keys of a window's groups, and by side their values, or pairs if asked for."""
    keys = rows_in(window.keys)
    sides: list[Iterator[list[Any]]] = []
    for batch, codes in zip(window.batches, window.codes, strict=True):
        bounds = np.searchsorted(codes, np.arange(len(keys) + 1)).tolist()
        rows = batch.rows() if as_pairs else rows_in(values_in(batch))
        sides.append(_cut(rows, bounds))
    return keys, sides


def _cut(rows: list[Any], bounds: list[int]) -> Iterator[list[Any]]:
    """Give the rows of each group."""
    return (rows[start:end] for start, end in pairwise(bounds))


def rows_in(found: Columns | list[Any]) -> list[Any]:
    """Return keys or values as a list."""
    return found.rows() if isinstance(found, Columns) else found


def values_in(batch: Batch) -> Columns | list[Any]:
    """Return the values of pairs, as a column where they are one."""
    return _field_of(batch, 1)


def _field_of(batch: Batch, number: int) -> Columns | list[Any]:
    if is_columnar(batch):
        return fields_of(batch)[number]
    rows = batch.rows()
    pairs = rows if are_pairs(rows) else map(pair_of, rows)
    return list(map(itemgetter(number), pairs))


def _keys_of_all(batches: Sequence[Batch]) -> Columns | list[Any]:
    """Return the keys of batches, one after the other."""
    parts = [_field_of(batch, 0) for batch in batches]
    columns = [part for part in parts if isinstance(part, Columns)]
    if len(columns) == len(parts) and len({part.schema for part in columns}) == 1:
        return concatenate(columns)
    return list(chain.from_iterable(map(rows_in, parts)))


def _window(sides: Sequence[Ranked | None], ranking: Ranking) -> Window:
    """Number the groups of all pairs of some keys."""
    there = [side for side in sides if side is not None]
    whole = np.concatenate([side.ranks for side in alike(there)])
    order = np.argsort(whole, kind="stable")
    ranks = whole[order]
    codes = np.empty(len(order), np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(ranks[1:] != ranks[:-1])])
    firsts = np.unique(codes, return_index=True)[1]
    keys = _keys_of_all([side.batch for side in there])
    is_refined = ranking.is_hash and not _are_equal(keys, firsts[codes])
    if is_refined:
        codes = _refined(codes, rows_in(keys))
        firsts = np.unique(codes, return_index=True)[1]
    batches: list[Batch] = []
    by_side: list[Array] = []
    for side in sides:
        batch: Batch = Rows([]) if side is None else side.batch
        own, codes = codes[: len(batch)], codes[len(batch) :]
        if is_refined:
            order = np.argsort(own, kind="stable")
            batch, own = batch.take(order), own[order]
        batches.append(batch)
        by_side.append(own)
    return Window(batches, by_side, _taken(keys, firsts))


def _taken(keys: Columns | list[Any], places: Array) -> Columns | list[Any]:
    """Return the keys of some numbers."""
    if isinstance(keys, Columns):
        return keys.take(places)
    return [keys[place] for place in places.tolist()]


def _are_equal(keys: Columns | list[Any], to: Array) -> bool:
    """Whether each key is equal to the one of a number; of columns, whether that is plain to see."""
    if isinstance(keys, Columns):
        others = keys.take(to)
        return all(map(np.array_equal, keys.arrays, others.arrays))
    return all(
        key is keys[other] or identity_of(key) == identity_of(keys[other])
        for key, other in zip(keys, to.tolist(), strict=True)
    )


def _refined(codes: Array, keys: list[Any]) -> Array:
    """Number groups anew, where keys of one rank are not equal: in the order of ranks, and of first occurrence."""
    numbers: dict[tuple[int, Hashable], int] = {}
    found = [
        numbers.setdefault((code, identity_of(key)), len(numbers))
        for code, key in zip(codes.tolist(), keys, strict=True)
    ]
    # By rank; what was seen first has the smaller number already.
    order = np.argsort(np.array([code for code, _ in numbers], np.int64), kind="stable")
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    refined: Array = ranks[np.array(found, np.int64)]
    return refined


def of_large(window: LargeWindow, ranking: Ranking, *, as_pairs: bool = False) -> Iterator[Group]:
    """Give the groups of one rank: the first key's as it is read, those of others held meanwhile."""
    others: list[list[Any]] = [[] for _ in window.sides]
    first: list[Any] = []

    def values(number: int, batches: Iterator[Batch]) -> Iterator[Any]:
        for batch in batches:
            for pair in batch.rows():
                key, value = pair_of(pair)
                if not ranking.is_hash or identity_of(key) == first[1]:
                    yield pair if as_pairs else value
                else:
                    others[number].append((key, value))

    sides = list(window.sides)
    for number, side in enumerate(sides):
        batch = next(side, None)
        if batch is not None:
            key = pair_of(batch.rows()[0])[0]
            first += [key, identity_of(key) if ranking.is_hash else None]
            sides[number] = _begun(batch, side)
            break
    streams = [values(number, side) for number, side in enumerate(sides)]
    yield Group(first[0], streams)
    for stream in streams:
        for _ in stream:
            pass
    if any(others):
        rest = [ranking.ranked(Rows(pairs)) if pairs else None for pairs in others]
        keys, lists = grouped(_window(rest, ranking), as_pairs=as_pairs)
        yield from map(Group, keys, zip(*lists, strict=True))


def _begun(batch: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    """Give a batch that was read already, and the rest."""
    yield batch
    yield from rest


def identity_of(key: Hashable) -> Hashable:
    """Return what is equal for equal keys, and for keys that are equal but for NaNs in them."""
    if type(key) in NEVER_NAN or (token := nan_token(key)) is None:
        return key
    return _Missing(token)


@dataclass(frozen=True, slots=True)
class _Missing:
    """Stands for all keys with NaNs in the same places."""

    token: Hashable
