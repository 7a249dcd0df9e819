"""Twister2's environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dtset.environment import TSetEnvironment
from dtset.errors import ConfigurationError

__all__ = ["Twister2Environment"]


class Twister2Environment(TSetEnvironment):
    """A `TSetEnvironment` with the arguments of Twister2's.

    They mean what they mean there; `mpi_aware` is a ConfigurationError, as the processes of a Dask cluster are
    not MPI ranks.

    Examples
    --------
    >>> import dask, tempfile
    >>> with dask.config.set({"dtset.store": tempfile.mkdtemp()}):
    ...     env = Twister2Environment(resources=[{"cpu": 1, "ram": 512, "instances": 4}])
    >>> env.worker_id
    0
    >>> env.close()
    """

    def __init__(
        self,
        name: str | None = None,
        resources: Sequence[Mapping[str, Any]] | None = None,
        config: Mapping[str, Any] | None = None,
        mpi_aware: bool = False,
    ) -> None:
        if mpi_aware:
            raise ConfigurationError(
                "mpi_aware=True: the processes of a Dask cluster are no MPI ranks. Leave it out, and exchange data "
                "by reduce and the other operators"
            )
        super().__init__(name, resources=resources, config=config)
