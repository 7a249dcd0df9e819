"""What an environment was asked for, checked before anything is started or written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dtset.checkpoint.layout import check_job_id
from dtset.fingerprint.program import script_file
from dtset.session import arguments
from dtset.session.main_module import show_main
from dtset.session.process import default_name, job_id_of, submission
from dtset.settings import ignored_globals, seconds, setting, size, whole_number
from dtset.storage.codecs import chunk_codec


@dataclass(frozen=True)
class Options:
    """What an environment was asked for, by arguments, the command line and settings; its ``repr`` holds no secrets."""

    name: str
    job_id: str
    has_id: bool
    config: Mapping[str, Any] = field(repr=False)
    checkpointing: bool
    url: str = field(repr=False)
    storage_options: Mapping[str, Any] = field(repr=False)
    parallelism: int | None
    resources: Sequence[Mapping[str, Any]] | None
    cluster: object
    exclusive: bool
    keep_variables: bool | None
    submitted: Mapping[str, Any]
    interval: float
    timeout: float
    tasks_per_thread: int
    resubmissions: int
    batch_size: int
    exchange_memory: int
    codec: str
    allow_pickle: bool
    ignore: tuple[str, ...]


def checked_options(
    *,
    name: str | None,
    job_id: str | None,
    store: str | os.PathLike[str] | None,
    storage_options: Mapping[str, Any] | None,
    checkpointing: bool | None,
    parallelism: int | None,
    resources: Sequence[Mapping[str, Any]] | None,
    cluster: object,
    config: Mapping[str, Any] | None,
    exclusive: bool,
    keep_variables: bool | None,
) -> Options:
    """Check the arguments of an environment, and fill up what they leave to the command line and to settings."""
    submitted = submission()
    name = arguments.a_name("name", name) or submitted.get("name") or default_name(_script())
    given_id = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
    for what, switch in (("exclusive", exclusive), ("keep_variables", keep_variables)):
        arguments.a_boolean(what, switch)
    checkpoints = arguments.a_boolean("checkpointing", checkpointing)
    return Options(
        name=name,
        job_id=check_job_id(job_id_of(name, str(uuid.uuid4())) if given_id is None else given_id),
        has_id=given_id is not None,
        config=dict(arguments.a_mapping("config", config)),
        checkpointing=bool(setting("checkpointing.enable") if checkpoints is None else checkpoints),
        url=arguments.a_folder("store", setting("store") if store is None else store),
        storage_options=arguments.a_mapping("storage_options", storage_options),
        parallelism=arguments.a_number_of_partitions(
            "parallelism", setting("parallelism") if parallelism is None else parallelism
        ),
        resources=resources,
        cluster=cluster,
        exclusive=exclusive,
        keep_variables=(
            submitted.get("keep_variables") if keep_variables is None else keep_variables
        ),
        submitted=submitted,
        interval=seconds("heartbeat.interval"),
        timeout=seconds("heartbeat.timeout"),
        tasks_per_thread=whole_number("scheduling.tasks-per-thread", least=1),
        resubmissions=whole_number("scheduling.resubmissions", least=0),
        batch_size=whole_number("batch-size", least=1),
        exchange_memory=size("exchange.memory"),
        codec=chunk_codec(setting("codec"), "uint8").name,
        allow_pickle=bool(setting("pickle.allow")),
        ignore=ignored_globals(),
    )


def _script() -> str | None:
    """The file of the program that runs, also where a profiler is ``__main__`` in its place."""
    hide = show_main()
    try:
        return script_file()
    finally:
        hide()
