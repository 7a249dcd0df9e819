"""How a process of a job was started, and how it ends."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from dtset.checkpoint.job import Program
from dtset.fingerprint.program import script_file, started_in
from dtset.settings import setting
from dtset.storage.local_store import local_path
from dtset.urls import shown_url

# What Linux calls a file that lies in memory alone.
IN_MEMORY = "/memfd:"


@dataclass(frozen=True)
class BegunRun:
    """A run that a script began, told to the command line that started it, with what is secret in the store's URL."""

    job_id: str
    run_id: str
    store: str = field(repr=False)


def submission() -> Mapping[str, Any]:
    """What the command line told this process, if it started it; processes that this one starts were told nothing."""
    return _SUBMITTED if _SUBMITTED.get("by") == _PARENT else {}


# As early as can be: later the parent may be gone, or this a fork of the process that was started.
_SUBMITTED: dict[str, Any] = json.loads(os.environ.get("DTSET_SUBMITTED", "{}"))
_PARENT = os.getppid()


def is_reimported() -> bool:
    """Whether this process is a spawned child, by `multiprocessing`, that is still importing its parent's script."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__mp_main__":
            return True
        frame = frame.f_back
    return False


def report(run: BegunRun) -> None:
    """Tell the command line that started this process, if one did, of a run that has begun."""
    path = os.environ.get("DTSET_REPORT")
    if path and submission():
        if not os.path.realpath(path).startswith(IN_MEMORY):
            # Nothing secret is written to a disk.
            run = replace(run, store=shown_url(run.store))
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(run))}\n")


def read_report(path: Path) -> list[BegunRun]:
    """Read what a script has told of its runs."""
    if not path.exists():
        return []
    return [BegunRun(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def this_program(job_id: str) -> Program:
    """How this process was started; for what a submitted program starts in turn for its job, how that one was."""
    if submission() or _SUBMITTED.get("job_id") == job_id:
        return Program.from_json(_SUBMITTED["program"])
    main, file = sys.modules.get("__main__"), script_file()
    module = getattr(getattr(main, "__spec__", None), "name", "__main__")
    command, arguments = tuple(sys.orig_argv[1:]), tuple(sys.argv[1:])
    if file is None:
        if getattr(main, "__file__", None) is not None:
            return Program(("-", *arguments), started_in())
        is_code = sys.argv[0] == "-c" and not _has_other_command()
        return Program(command if is_code else (), started_in())
    if module != "__main__":
        names = (module, module.removesuffix(".__main__"))
        is_named = any(each.removeprefix("-m") in names for each in command)
        again = command if is_named or not _has_other_command() else ("-m", module, *arguments)
        return Program(again, started_in())
    script, folder = _named(command, file)
    if script is None and _has_other_command():
        script, command = file, (file, *arguments)
    return Program(command, folder, script)


def _has_other_command() -> bool:
    """Whether the command of this process starts something else than its program: a session, or a child's loop."""
    main = sys.modules.get("__main__")
    is_child = getattr(main, "__name__", None) == "__mp_main__"
    return is_child or "--multiprocessing-fork" in sys.orig_argv or hasattr(sys, "ps1")


def _named(command: Sequence[str], file: str) -> tuple[str | None, str]:
    """Path that a command gives for the file that runs, or for its folder or archive; and where it was started."""
    for each in filter(None, command):
        for path in (each, os.path.join(each, "__main__.py")):
            if file == path:
                return each, started_in()
            # A program that went elsewhere before it imported dtset was still found from where it was started.
            if file.endswith(os.sep + path):
                folder = file.removesuffix(path).rstrip(os.sep) or os.sep
                return os.path.join(folder, each), folder
    return None, started_in()


def default_name(file: str | None) -> str:
    """Name of a job that was given none: its script's, or its package's."""
    if file is None:
        return "python-job"
    script = Path(file)
    return script.parent.stem if script.stem == "__main__" else script.stem


def job_id_of(name: str, random: str) -> str:
    """Job ID made of a name, with what job IDs may hold, and something random."""
    kept = "".join(
        each if each.isascii() and (each.isalnum() or each in "_.-") else "-" for each in name
    )
    return f"{kept.replace('..', '-').strip('-.')[:120] or 'python-job'}-{random}"


def how_to_restart(program: Program, job_id: str, store: str) -> str:
    """Say how a job that an error ends is restarted, on this cluster or on another."""
    configured = setting("store")
    options = () if store == shown_url(local_path(configured) or configured) else ("--store", store)
    how = f"`{shlex.join(['dtset', 'restart', job_id, *options])}` goes on from there"
    if program.command[:1] in ((), ("-",)):
        how = f"run it again with TSetEnvironment(job_id={job_id!r})"
    return f"What job {job_id} has committed stays: {how}"


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that data depend on."""
    found = {each: version(each) for each in ("dask", "numpy", "numcodecs")}
    return {"python": platform.python_version(), **found}


def uncaught(program: Program) -> BaseException | None:
    """The exception that is ending a program; an interactive session outlives those of its inputs."""
    return getattr(sys, "last_value", None) if program.command else None


def state_after(error: BaseException | None) -> str:
    """State of a run that ended with an exception, or without."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "completed"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


_INTERVAL = 1.0


def end_with(parent: int) -> None:
    """End this process, as a kill would, when its parent is not, or no longer, the process given."""
    threading.Thread(target=_watch, args=(parent,), name="dtset-parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_INTERVAL)
    os._exit(1)
