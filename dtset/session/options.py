"""What an environment was asked for, checked before anything is started or written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from dtset.checkpoint.layout import check_job_id
from dtset.fingerprint.program import script_file
from dtset.session import arguments
from dtset.session.main_module import show_main
from dtset.session.process import default_name, job_id_of, submission
from dtset.session.reuse import reused
from dtset.settings import ignored_globals, seconds, setting, size, whole_number
from dtset.storage.codecs import chunk_codec


class Options:
    """What an environment was asked for, by arguments and, where they leave it open, the command line and settings."""

    def __init__(
        self,
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
        reuse: object,
    ) -> None:
        self.submitted = submission()
        self.name: str = (
            arguments.a_name("name", name) or self.submitted.get("name") or default_name(_script())
        )
        given_id = job_id if job_id is not None else os.environ.get("DTSET_JOB_ID") or None
        self.has_id = given_id is not None
        new_id = job_id_of(self.name, str(uuid.uuid4()))
        self.job_id = check_job_id(new_id if given_id is None else given_id)
        self.exclusive = arguments.a_boolean("exclusive", exclusive)
        keep = arguments.a_boolean("keep_variables", keep_variables)
        self.keep_variables: bool | None = (
            self.submitted.get("keep_variables") if keep is None else keep
        )
        asked = arguments.a_boolean("checkpointing", checkpointing)
        self.checkpointing = bool(setting("checkpointing.enable") if asked is None else asked)
        self.config = dict(arguments.a_mapping("config", config))
        self.url = arguments.a_folder("store", setting("store") if store is None else store)
        self.storage_options = arguments.a_mapping("storage_options", storage_options)
        self.parallelism = arguments.a_number_of_partitions(
            "parallelism", setting("parallelism") if parallelism is None else parallelism
        )
        self.resources, self.cluster = resources, cluster
        self.interval, self.timeout = seconds("heartbeat.interval"), seconds("heartbeat.timeout")
        self.tasks_per_thread = whole_number("scheduling.tasks-per-thread", least=1)
        self.resubmissions = whole_number("scheduling.resubmissions", least=0)
        self.batch_size = whole_number("batch-size", least=1)
        self.exchange_memory = size("exchange.memory")
        self.codec = chunk_codec(setting("codec"), "uint8").name
        self.allow_pickle = bool(setting("pickle.allow"))
        self.ignore = ignored_globals()
        kept = setting("keep-versions")
        self.keep_versions = None if kept is None else whole_number("keep-versions", least=1)
        self.reuse = reused(setting("reuse") if reuse is None else reuse)


def _script() -> str | None:
    """The file of the program that runs, also where a profiler is ``__main__`` in its place."""
    hide = show_main()
    try:
        return script_file()
    finally:
        hide()
