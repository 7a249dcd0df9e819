"""Messages of Dask's connections in this process, whole graphs among them: sent, and not kept for Dask's developers."""

from __future__ import annotations

from collections import deque
from typing import Any

from distributed import Client, batched, client, scheduler


class _Sender(batched.BatchedSend):  # type: ignore[misc]
    """A connection's sender that keeps nothing of what it has sent."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.recent_message_log: deque[Any] = deque(maxlen=0)


def keep_no_messages(connected: Client | None = None) -> None:
    """Let connections of this process keep no messages: those that are made from now on, and a client's."""
    client.BatchedSend = scheduler.BatchedSend = _Sender
    sender = None if connected is None else connected.scheduler_comm
    if sender is not None:
        sender.recent_message_log = deque(maxlen=0)
