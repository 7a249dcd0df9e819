"""What user functions log on a worker process, on its way to the driver's logging; and silence of Dask's own logs."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dtset.execution.forwarding.shared import SharedChange
from dtset.execution.workers.worker import running_worker

_PROCESS = uuid.uuid4().hex
_PLAIN = (str, int, float, bool, type(None))
_MOST = 2**63


@dataclass(frozen=True)
class DriverLogging:
    """Which process is the driver, and from which levels on its logging takes records; the root's is by an empty name."""

    process: str
    levels: Mapping[str, int] = field(repr=False)

    def takes(self, record: logging.LogRecord) -> bool:
        """Whether the driver's logging wants a record."""
        name = record.name
        while name and name not in self.levels:
            name = name.rpartition(".")[0]
        return record.levelno >= self.levels.get(name, logging.WARNING)


def driver_logging() -> DriverLogging:
    """What this process's logging takes now."""
    root = logging.getLogger()
    levels = {"": root.level}
    for name, logger in list(root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET:
            levels[name] = logger.level
    if root.manager.disable:
        levels = {name: max(level, root.manager.disable + 1) for name, level in levels.items()}
    return DriverLogging(_this_process(), levels)


def topic_of(run_id: str) -> str:
    """Topic of the events by which workers send what was printed and logged."""
    return f"dtset-output-{run_id}"


def to_driver(run_id: str, said: str | dict[str, Any]) -> bool:
    """Send to the driver what was printed or logged on its worker; return whether there is a way."""
    worker = running_worker()
    if worker is None:
        return False
    worker.log_event(topic_of(run_id), _sendable(said))
    return True


def handled(said: Mapping[str, Any]) -> None:
    """Give a record that came from a worker to this process's logging."""
    record = logging.makeLogRecord(said)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


@contextmanager
def forwarded(run_id: str, driver: DriverLogging | None) -> Iterator[None]:
    """Send what is logged inside to the driver at once, where that is another process and its logging takes it."""
    if driver is None or driver.process == _this_process():
        yield
        return
    with _logging.made(partial(_put_in_place, driver)):
        token = _forwarding.set((run_id, driver))
        try:
            yield
        finally:
            _forwarding.reset(token)


class _Forward(logging.Handler):
    """Sends records of functions inside of `forwarded`; the rest is as if it were not there."""

    def emit(self, record: logging.LogRecord) -> None:
        forwarding = _forwarding.get()
        try:
            if forwarding is None:
                alone = logging.getLogger().handlers == [self]
                if alone and logging.lastResort and record.levelno >= logging.lastResort.level:
                    logging.lastResort.handle(record)
            elif forwarding[1].takes(record) and not to_driver(forwarding[0], _fields(record)):
                print(logging.Formatter(logging.BASIC_FORMAT).format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


_forwarding: ContextVar[tuple[str, DriverLogging] | None] = ContextVar("dtset_logs", default=None)
_handler = _Forward()
_before: dict[logging.Logger, int] = {}


def _put_in_place(driver: DriverLogging) -> None:
    """Put our handler in place, and let loggers make the records that the driver takes."""
    root = logging.getLogger()
    if _handler not in root.handlers:
        root.addHandler(_handler)
    for name, level in driver.levels.items():
        logger = logging.getLogger(name)
        if not name.startswith("distributed") and logger.getEffectiveLevel() > level:
            _before.setdefault(logger, logger.level)
            logger.setLevel(level)


def _put_back() -> None:
    logging.getLogger().removeHandler(_handler)
    _put_back_levels(_before)


def _put_back_levels(before: dict[logging.Logger, int]) -> None:
    for logger, level in before.items():
        logger.setLevel(level)
    before.clear()


_logging = SharedChange(_put_back)
# The connection is its parent's.
os.register_at_fork(after_in_child=lambda: _forwarding.set(None))


def _this_process() -> str:
    """Tell this process from all others, its forks included."""
    return f"{_PROCESS}-{os.getpid()}"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if isinstance(value, _PLAIN)}
    if record.exc_info:
        fields["exc_text"] = logging.Formatter().formatException(record.exc_info)
    return {**fields, "msg": record.getMessage()}


def _sendable(said: Any) -> Any:
    """Text and numbers as msgpack takes them."""
    if isinstance(said, dict):
        return {name: _sendable(value) for name, value in said.items()}
    if isinstance(said, str):
        return said.encode("utf-8", "backslashreplace").decode()
    if isinstance(said, int) and not -_MOST <= said < _MOST:
        return str(said)
    return said


_silenced: dict[logging.Logger, int] = {}


def silenced() -> AbstractContextManager[None]:
    """Let Dask log nothing, as its own clusters do: what happens to workers of ours is said in words of ours."""
    return _silence.made(_be_silent)


def _be_silent() -> None:
    for name in () if _silenced else list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado"):
            logger = logging.getLogger(name)
            _silenced[logger] = logger.level
            if logger.level or name in ("distributed", "tornado"):
                logger.setLevel(logging.CRITICAL + 1)


_silence = SharedChange(partial(_put_back_levels, _silenced))
