"""What operations give, in plain Python over lists of partitions: the specification that flows are compared with."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import reduce
from itertools import chain
from typing import Any

from dtset.exchange.stable_hash import stable_hash, target_of
from dtset.operators.joins import JoinedTuple
from dtset.operators.sources import share

Partitions = list[list[Any]]


def each(f: Callable[[Any], Any], partitions: Partitions) -> Partitions:
    """`map`."""
    return [[f(x) for x in partition] for partition in partitions]


def all_of(partitions: Partitions) -> list[Any]:
    return list(chain.from_iterable(partitions))


def dealt(targets: Callable[[Any], int], partitions: Partitions, parallelism: int) -> Partitions:
    """`partition`: in the order of the partitions that elements came from."""
    result: Partitions = [[] for _ in range(parallelism)]
    for x in all_of(partitions):
        result[targets(x)].append(x)
    return result


def by_key(partitions: Partitions) -> Partitions:
    """Pairs in the partitions that their keys go to."""
    number = len(partitions)
    return dealt(lambda pair: target_of(pair[0], number), partitions, number)


def groups(*sides: list[Any]) -> list[tuple[Hashable, list[list[Any]]]]:
    """The values of each key by side: keys in the order of their hashes, and of their first occurrence."""
    found: dict[Hashable, list[list[Any]]] = {}
    for number, pairs in enumerate(sides):
        for key, value in pairs:
            found.setdefault(key, [[] for _ in sides])[number].append(value)
    return sorted(found.items(), key=lambda group: stable_hash(group[0]))


def keyed_gather(partitions: Partitions) -> Partitions:
    return [
        [(key, values) for key, (values,) in groups(partition)] for partition in by_key(partitions)
    ]


def keyed_gather_ungrouped(partitions: Partitions) -> Partitions:
    return [
        [(key, value) for key, values in partition for value in values]
        for partition in keyed_gather(partitions)
    ]


def keyed_reduce(f: Callable[[Any, Any], Any], partitions: Partitions) -> Partitions:
    """Values are reduced in each partition, and then these; keys stay in the order of their first occurrence."""

    def reduced(pairs: list[Any]) -> list[Any]:
        values: dict[Hashable, Any] = {}
        for key, value in pairs:
            values[key] = f(values[key], value) if key in values else value
        return list(values.items())

    return [reduced(pairs) for pairs in by_key([reduced(partition) for partition in partitions])]


def reduced(f: Callable[[Any, Any], Any], partitions: Partitions) -> Partitions:
    return [[reduce(f, [reduce(f, partition) for partition in partitions if partition])]]


def cogroup(left: Partitions, right: Partitions) -> Partitions:
    """With as many partitions as the left."""
    number = len(left)
    others = dealt(lambda pair: target_of(pair[0], number), right, number)
    sides = zip(by_key(left), others, strict=True)
    return [[(key, (a, b)) for key, (a, b) in groups(mine, other)] for mine, other in sides]


def join(how: str, left: Partitions, right: Partitions) -> Partitions:
    """In a group, in the order of the left, and then of the right."""
    keeps_left, keeps_right = how in ("left", "outer"), how in ("right", "outer")
    return [
        [
            JoinedTuple(key, one, other)
            for key, (ones, others) in partition
            for one in ones or ([None] if keeps_right else [])
            for other in others or ([None] if keeps_left else [])
        ]
        for partition in cogroup(left, right)
    ]


def repartition(parallelism: int, partitions: Partitions) -> Partitions:
    """About equal numbers of elements, in their order."""
    elements = all_of(partitions)
    bounds = [share(len(elements), index, parallelism) for index in range(parallelism)]
    return [elements[start:end] for start, end in bounds]


def distinct(partitions: Partitions) -> Partitions:
    number = len(partitions)
    counted = [list(dict.fromkeys(partition)) for partition in partitions]
    return [list(dict.fromkeys(x)) for x in dealt(lambda x: target_of(x, number), counted, number)]


def zip_with_index(partitions: Partitions) -> Partitions:
    places = iter(range(len(all_of(partitions))))
    return [[(x, next(places)) for x in partition] for partition in partitions]


def union(*sets: Partitions) -> Partitions:
    """Partition by partition."""
    return [all_of(list(partitions)) for partitions in zip(*sets, strict=True)]
