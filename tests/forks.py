"""Python programs as forks of a process that has imported the libraries, for tests that start many.

A fork runs a script, a module or code as ``python`` would: with its own ``__main__``, arguments, folder, environment,
import path and exit status. dtset itself is not imported before the fork, so that each program imports it by
itself. Tests of how a process is started, interrupted or killed start real ones, as `tests/programs.py` does.
"""

from __future__ import annotations

import json
import os
import signal
import site
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

__all__ = ["run_python"]

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
    pipes = [os.pipe(), os.pipe()]
    server = _server()
    message = json.dumps([arguments, str(folder), dict(environment)])
    socket.send_fds(server, [message.encode()], [write for _, write in pipes])
    for _, write in pipes:
        os.close(write)
    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(_read, read) for read, _ in pipes]
        pid = int(server.recv(100))
        server.settimeout(timeout)
        try:
            status = int(server.recv(100))
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            server.recv(100)
            out, err = (each.result() for each in reading)
            raise subprocess.TimeoutExpired(arguments, timeout, out, err) from None
        finally:
            server.settimeout(None)
    out, err = (each.result() for each in reading)
    return subprocess.CompletedProcess(arguments, status, out, err)


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8") as file:
        return file.read()


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
        message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
        if not message:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            connection.close()
            os.setsid()
            for number, descriptor in enumerate(descriptors, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            arguments, folder, environment = json.loads(message)
            return arguments, folder, environment
        for descriptor in descriptors:
            os.close(descriptor)
        connection.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def _set_up(
    arguments: list[str], folder: str, environment: dict[str, str], path: list[str]
) -> ModuleType:
    """Make this process what one started by these arguments is before it runs them; its ``__main__``."""
    import dask.config
    import numpy as np

    os.chdir(folder)
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
