"""Python programs as forks of a process that has imported the libraries, for tests that start many.

A fork runs a script, a module or code as ``python`` would: with its own ``__main__``, arguments, folder, environment,
import path and exit status. dtset itself is not imported before the fork, so that each program imports it by
itself. Tests of how a process is started or interrupted start real ones.
"""

from __future__ import annotations

import json
import os
import select
import signal
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import IO

__all__ = ["Fork", "run_python", "start_python"]

LIBRARIES = [
    "asyncio",
    "click",
    "cloudpickle",
    "dask._task_spec",
    "dask.base",
    "distributed",
    "fsspec",
    "google_crc32c",
    "multiprocessing.pool",
    "numcodecs",
    "numcodecs.blosc",
    "numcodecs.zstd",
    "numpy",
    "numpy.random",
    "psutil",
    "rich.console",
    "rich.table",
    "yaml",
]
# What the interpreter reads before it runs anything.
AT_START = {"PYTHONHASHSEED", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONSAFEPATH", "PYTHONWARNINGS"}


def run_python(
    arguments: list[str], folder: Path, environment: Mapping[str, str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGUMENTS…`` to its end, as a fork where it can be one."""
    what = arguments[1] if arguments[0] == "-P" else arguments[0]
    if AT_START & environment.keys() or (what.startswith("-") and what not in ("-c", "-m")):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
    fork = start_python(arguments, folder, environment)
    try:
        out, err = fork.communicate(timeout)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(fork.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(arguments, fork.wait(), out, err)


@dataclass
class Fork:
    """A program that runs, in a process group of its own; used as a `subprocess.Popen`."""

    pid: int
    stdout: IO[str] | None
    stderr: IO[str] | None
    _ended: socket.socket
    returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return its exit status."""
        if self.returncode is None:
            self._ended.settimeout(timeout)
            try:
                self.returncode = int(self._ended.recv(100))
            except TimeoutError:
                raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0) from None
            self._ended.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit status of a program that has ended."""
        if self.returncode is None and not select.select([self._ended], [], [], 0)[0]:
            return None
        return self.wait()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it writes until its end."""
        streams = [each for each in (self.stdout, self.stderr) if each is not None]
        pool = ThreadPoolExecutor(2)
        reading = [pool.submit(each.read) for each in streams]
        pool.shutdown(wait=False)
        self.wait(timeout)
        _, late = futures.wait(reading, timeout)
        if late:
            raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0)
        for each in streams:
            each.close()
        out, err = [each.result() for each in reading] or ("", "")
        return out, err

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def start_python(
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str],
    output: IO[str] | None = None,
) -> Fork:
    """Start ``python ARGUMENTS…`` as a fork; what it writes goes to a file, or to pipes."""
    ended, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pipes = [] if output is not None else [os.pipe(), os.pipe()]
    written = [write for _, write in pipes] if output is None else [output.fileno()] * 2
    message = json.dumps([arguments, str(folder), dict(environment)])
    socket.send_fds(_server(), [message.encode()], [*written, its.fileno()])
    its.close()
    for _, write in pipes:
        os.close(write)
    streams = [open(read, encoding="utf-8") for read, _ in pipes] or [None, None]  # noqa: SIM115
    return Fork(int(ended.recv(100)), *streams, ended)


@cache
def _server() -> socket.socket:
    """Start the process that forks; it ends when the last process that can speak to it does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DTSET_", "DASK_", "PYTHON"))}
    subprocess.Popen(
        [sys.executable, __file__, str(its.fileno())],
        env=kept,
        pass_fds=[its.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    its.close()
    return ours


def _serve(connection: socket.socket) -> tuple[list[str], str, dict[str, str]]:
    """Fork for each program that is asked for; return in the fork, with what it is to run."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            connection.close()
            _watch(descriptors)
            arguments, folder, environment = json.loads(message)
            return arguments, folder, environment
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass


def _watch(descriptors: list[int]) -> None:
    """Fork, return in the fork, and stay to tell how it ended."""
    *written, number = descriptors
    with socket.socket(fileno=number) as told:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            told.send(str(os.getpid()).encode())
            for standard, descriptor in enumerate(written, 1):
                os.dup2(descriptor, standard)
                os.close(descriptor)
            return
        for descriptor in written:
            os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            told.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)


def _set_up(
    arguments: list[str], folder: str, environment: dict[str, str], path: list[str]
) -> ModuleType:
    """Make this process what one started by these arguments is before it runs them; its ``__main__``."""
    import dask.config
    import numpy as np

    os.chdir(folder)
    tempfile.tempdir = None
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in environment
    sys.orig_argv[:] = [sys.executable, *arguments]
    first = [] if arguments[0] == "-P" else [_folder_of(arguments[0], folder)]
    named = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [*first, *named, *path]
    if arguments[0] == "-P":
        del arguments[0]
    is_file = arguments[0] not in ("-c", "-m")
    sys.argv[:] = arguments if is_file else [arguments[0], *arguments[2:]]
    invalidate_caches()
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()
    np.random.seed()
    dask.config.paths[:] = dask.config._get_paths()
    dask.config.refresh()
    main = sys.modules["__main__"] = ModuleType("__main__")
    return main


def _folder_of(what: str, folder: str) -> str:
    """What comes first where modules are looked for."""
    return {"-c": "", "-m": folder}.get(what, str(Path(folder, what).resolve().parent))


def _run(arguments: list[str], main: ModuleType) -> None:
    from importlib.machinery import SourceFileLoader

    what = arguments[0]
    if what == "-m":
        import runpy

        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]
        return
    if what == "-c":
        exec(compile(arguments[1], "<string>", "exec"), vars(main))
        return
    loader = SourceFileLoader("__main__", what)
    main.__file__, main.__loader__, main.__cached__ = what, loader, None  # type: ignore[attr-defined]
    exec(loader.source_to_code(Path(what).read_bytes(), what), vars(main))


def _fork_and_run(connection: socket.socket) -> None:
    for name in LIBRARIES:
        import_module(name)
    path = sys.path[1:]
    arguments, folder, environment = _serve(connection)
    main = _set_up(arguments, folder, environment, path)
    try:
        _run(arguments, main)
    except SystemExit:
        raise
    except BaseException as error:
        # As the interpreter does with what nobody catches, without what is of this file.
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
            traceback = traceback.tb_next
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None


if __name__ == "__main__":
    _fork_and_run(socket.socket(fileno=int(sys.argv[1])))
