"""Dask's connections: Unix-domain sockets, for processes of one user on one machine; and messages that are not kept.

Addresses are ``unix:///folder/name``. Who may not enter the folder cannot connect: it is the only lock
there is, and the only one that is needed.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import dask.config
from distributed import Client, batched, client, scheduler
from distributed.comm.core import BaseListener, Comm, CommClosedError, Connector
from distributed.comm.registry import Backend, backends
from distributed.comm.tcp import MAX_BUFFER_SIZE, TCP, _close_comm
from tornado.iostream import IOStream
from tornado.netutil import bind_unix_socket
from tornado.tcpserver import TCPServer

PREFIX = "unix://"


def register() -> None:
    """Make the transport known to Dask in this process."""
    backends.setdefault("unix", _UnixBackend())


class _UnixComm(TCP):  # type: ignore[misc]
    """A connection: TCP's framing over another kind of socket."""

    def __init__(
        self, stream: IOStream, local: str, peer: str, deserialize: bool, allow_offload: bool = True
    ) -> None:
        # As TCP's own, which also sets options of the socket that only TCP has.
        self._closed = False
        Comm.__init__(self, deserialize=deserialize)
        self._local_addr = local
        self._peer_addr = peer
        self.allow_offload = allow_offload
        self.stream = stream
        self._finalizer = weakref.finalize(self, self._get_finalizer())
        self._finalizer.atexit = False
        self._extra: dict[str, Any] = {}
        stream.set_close_callback(functools.partial(_close_comm, weakref.ref(self)))


class _UnixConnector(Connector):  # type: ignore[misc]
    async def connect(self, address: str, deserialize: bool = True, **_: Any) -> Comm:
        """Connect; wait while the listener's queue is full, which a non-blocking socket reports as an error."""
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            while True:
                try:
                    connection.connect(address)
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.01)
        except BaseException:
            connection.close()
            raise
        stream = IOStream(connection, max_buffer_size=MAX_BUFFER_SIZE)
        return _UnixComm(stream, PREFIX, f"{PREFIX}{address}", deserialize)


class _Server(TCPServer):
    accepted: Callable[[IOStream], Awaitable[None]]

    async def handle_stream(self, stream: IOStream, address: object) -> None:
        await self.accepted(stream)


class _UnixListener(BaseListener):  # type: ignore[misc]
    prefix = PREFIX

    def __init__(
        self,
        path: str,
        handle: Callable[[Comm], Awaitable[None]],
        deserialize: bool,
        allow_offload: bool = True,
        **_: Any,
    ) -> None:
        super().__init__()
        self._path = path
        self._handle = handle
        self._deserialize = deserialize
        self._allow_offload = allow_offload
        self._server: _Server | None = None

    async def start(self) -> None:
        self._server = server = _Server(max_buffer_size=MAX_BUFFER_SIZE)
        server.accepted = self._accepted
        backlog = int(dask.config.get("distributed.comm.socket-backlog"))
        server.add_socket(bind_unix_socket(self._path, backlog=backlog))

    def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    async def _accepted(self, stream: IOStream) -> None:
        if self._server is None:
            # Accepted just before the stop: its other end would wait for ever.
            stream.close()
            return
        comm = _UnixComm(
            stream, self.listen_address, PREFIX, self._deserialize, self._allow_offload
        )
        try:
            await self.on_connection(comm)
        except CommClosedError:
            return
        await self._handle(comm)

    @property
    def listen_address(self) -> str:
        return f"{PREFIX}{self._path}"

    contact_address = listen_address


class _UnixBackend(Backend):  # type: ignore[misc]
    """What Dask asks for by the scheme ``unix``."""

    def get_connector(self) -> Connector:
        return _UnixConnector()

    def get_listener(
        self, loc: str, handle_comm: Any, deserialize: bool, **options: Any
    ) -> BaseListener:
        # Dask adds a port, which a socket's file has no use for.
        return _UnixListener(loc.partition(":")[0], handle_comm, deserialize, **options)

    def get_address_host(self, loc: str) -> str:
        """All are on this machine, which Dask takes into account where it moves data."""
        return "localhost"

    def resolve_address(self, loc: str) -> str:
        return loc

    def get_local_address_for(self, loc: str) -> str:
        return loc


class _Sender(batched.BatchedSend):  # type: ignore[misc]
    """A connection's sender that keeps nothing of what it has sent: Dask's keep a thousand messages, whole graphs."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.recent_message_log: deque[Any] = deque(maxlen=0)


def keep_no_messages(connected: Client | None = None) -> None:
    """Let connections of this process keep no messages: those that are made from now on, and a client's."""
    client.BatchedSend = scheduler.BatchedSend = _Sender
    sender = None if connected is None else connected.scheduler_comm
    if sender is not None:
        sender.recent_message_log = deque(maxlen=0)
