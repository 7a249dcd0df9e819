"""What a user's function is told about where it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TSetContext"]


@dataclass(frozen=True)
class TSetContext:
    """Where a user's function runs: the ``ctx`` of its parameters.

    Twister2's ``TSetContext``, with the attempt, the configuration and a random generator added.

    Parameters
    ----------
    index : int
        Number of the partition, from 0.
    parallelism : int
        Number of partitions.
    id : str
        Label of the operator: another one for another program.
    name : str
        Name given with ``set_name``, else the operator's.
    worker_id : int or str
        Name of the worker that runs the partition; 0 in the driver's own process.
    config : Mapping
        The ``config`` of the environment.
    attempt : int
        How often this partition was submitted before, from 0.
    seed : str
        What ``random`` is seeded with, besides the partition.

    Examples
    --------
    >>> ctx = TSetContext(index=2, parallelism=4, id="map-3", name="map")
    >>> ctx.get_index()
    2
    >>> bool(ctx.random.random() == TSetContext(index=2, parallelism=4, id="x", name="y").random.random())
    True
    """

    index: int
    parallelism: int
    id: str
    name: str
    worker_id: int | str = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 0
    seed: str = ""

    def get_index(self) -> int:
        """Return the number of the partition, from 0 (Twister2's spelling of ``index``)."""
        return self.index

    @cached_property
    def random(self) -> np.random.Generator:
        """A NumPy generator seeded by job, operator and partition: the same in every attempt."""
        import numpy as np

        seed = hashlib.sha256(f"{self.seed}/{self.index}".encode()).digest()
        return np.random.default_rng(int.from_bytes(seed, "little"))
