"""What a user's function is told about where it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class _SeenWithin(dict[str, Any]):
    def __init__(self, above: dict[str, Any]) -> None:
        super().__init__()
        self._above = above

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if name in {"index", "parallelism", "random", "branch"}:
            self._above["branch"] = True


class Notes:
    """What is noted while a partition is computed: what functions saw, digests of what was read of files, elements skipped."""

    __slots__ = ("contents", "seen", "skipped")

    def __init__(
        self, contents: dict[str, str] | None = None, seen: dict[str, Any] | None = None
    ) -> None:
        self.skipped: dict[str, int] = {}
        self.seen: dict[str, Any] = {} if seen is None else seen
        self.contents: dict[str, str] = {} if contents is None else contents

    def within(self) -> Notes:
        """Return the notes of what has other numbers than what it is part of: that it saw them is all that counts."""
        notes = Notes(self.contents, _SeenWithin(self.seen))
        notes.skipped = self.skipped
        return notes

    @property
    def is_empty(self) -> bool:
        """Whether nothing was noted."""
        return not (self.seen or self.contents or self.skipped)

    def skip(self, where: str) -> None:
        """Count an element that a function failed on."""
        self.skipped[where] = self.skipped.get(where, 0) + 1

    def add(self, other: Notes) -> None:
        """Add what was noted where what this partition reads was computed."""
        for name, value in other.seen.items():
            self.seen[name] = value
        self.contents.update(other.contents)
        self.skipped.update(other.skipped)


class TSetContext:
    """Where a user's function runs: the ``ctx`` of its parameters.

    Twister2's ``TSetContext``, with the attempt, the configuration and a random generator added. It notes in
    ``seen``, with its value, what was asked of it that decides what a function gives: ``index``, ``parallelism``,
    ``id``, ``random``, ``config``.

    Parameters
    ----------
    name : str
        Name given with ``set_name``, else the operator's.
    worker_id : int or str
        Name of the worker that runs the partition; 0 in the driver's own process.
    attempt : int
        How often this partition was submitted before, from 0.
    seed : str
        What ``random`` is seeded with, besides the partition.
    inputs : Mapping
        Partitions of the side inputs, by name.

    Examples
    --------
    >>> ctx = TSetContext(index=2, parallelism=4, id="map-3", name="map")
    >>> ctx.get_index()
    2
    >>> bool(ctx.random.random() == TSetContext(index=2, parallelism=4, id="x", name="y").random.random())
    True
    >>> sorted(ctx.seen)
    ['index', 'random']
    """

    def __init__(
        self,
        *,
        index: int,
        parallelism: int,
        id: str,
        name: str,
        worker_id: int | str = 0,
        config: Mapping[str, Any] | None = None,
        attempt: int = 0,
        seed: str = "",
        inputs: Mapping[str, Any] | None = None,
        notes: Notes | None = None,
    ) -> None:
        self.name = name
        self.worker_id = worker_id
        self.attempt = attempt
        self.notes = Notes() if notes is None else notes
        self._index = index
        self._parallelism = parallelism
        self._id = id
        self._config: Mapping[str, Any] = {} if config is None else config
        self._seed = seed
        self._inputs: Mapping[str, Any] = {} if inputs is None else inputs

    @property
    def seen(self) -> dict[str, Any]:
        """What was asked of it so far, by any function of the partition."""
        return self.notes.seen

    @property
    def index(self) -> int:
        """Number of the partition, from 0."""
        self.seen["index"] = self._index
        return self._index

    @property
    def parallelism(self) -> int:
        """Number of partitions."""
        self.seen["parallelism"] = self._parallelism
        return self._parallelism

    @property
    def id(self) -> str:
        """Label of the operator: another one for another program."""
        self.seen["id"] = self._id
        return self._id

    @property
    def config(self) -> Mapping[str, Any]:
        """The ``config`` of the environment."""
        self.seen["config"] = None
        return self._config

    @cached_property
    def random(self) -> np.random.Generator:
        """A NumPy generator seeded by job, operator and partition: the same in every attempt."""
        import numpy as np

        self.seen["random"] = self._index
        seed = hashlib.sha256(f"{self._seed}/{self._index}".encode()).digest()
        return np.random.default_rng(int.from_bytes(seed, "little"))

    def get_index(self) -> int:
        """Return the number of the partition, from 0 (Twister2's spelling of ``index``)."""
        return self.index

    def get_input(self, name: str) -> Any:
        """Return the partition of a side input that belongs to this one.

        It is a `DataPartition`, of the same number or, of an input with one partition, that one. The name is what
        `TSet.add_input` bound it to; of another one it is a KeyError.
        """
        if name not in self._inputs:
            others = (
                f"; it has {', '.join(map(repr, sorted(self._inputs)))}" if self._inputs else ""
            )
            raise KeyError(
                f"{self.name} has no side input {name!r}{others}: bind one by calling add_input({name!r}, tset) on "
                f"the result of {self.name}(), with a tset that was cached or persisted"
            )
        return self._inputs[name]

    def __repr__(self) -> str:
        return f"TSetContext({self.name}, partition {self.index} of {self.parallelism})"
