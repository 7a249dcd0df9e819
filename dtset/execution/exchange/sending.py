"""The map side of an exchange: what a partition sends, in its task's result or, where that is much, in the store."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dtset.errors import ReadOnlyStoreError
from dtset.exchange.deal import Sent, parent_of
from dtset.execution.exchange.stretches import (
    Held,
    exchange_path,
    find_sent,
    note_sent,
    write_blocks,
)
from dtset.execution.stage import Scope
from dtset.operators.call import CallSpec
from dtset.operators.kernels.batching import Batches
from dtset.operators.operator import Mover
from dtset.storage.batch import Batch, joined
from dtset.storage.blocks import encode_block

# Batches of one target are put together: blocks of a few elements would cost more than the elements.
_BLOCK_ROWS = 16384
_MOST_PENDING = 32


def is_dealt(spec: CallSpec[Mover], targets: int) -> bool:
    """Whether it depends on what is sent which elements a partition holds."""
    return targets > 1 and not spec.operator.is_merging


@dataclass(frozen=True)
class SendOutput:
    """Elements of one side of an exchange are sent to partitions, as encoded blocks.

    All partitions of a side together keep about as much in memory as the settings say, or nothing if the operator
    was told to `use_disk`. Which way blocks go changes neither them nor their digest, which is taken where a deal is made of it.
    """

    spec: CallSpec[Mover]
    sources: int
    targets: int
    side: int = 0

    def consume(self, batches: Batches, scope: Scope, deal: str | None) -> Sent:
        """Encode what one partition sends."""
        call = scope.call(self.spec, sources=self.sources, targets=self.targets, side=self.side)
        room = 0 if self.spec.params.get("use_disk") else scope.settings.exchange_memory
        level = f"{self.spec.key}-{self.side}-{self.sources}-{self.targets}"
        path = exchange_path(scope.settings, f"{level}/{(deal or '0')[:24]}/{scope.partition}")
        outbox = _Outbox(
            scope,
            path,
            room // self.sources,
            is_dealt(self.spec, self.targets),
            self.sources,
            self.targets,
        )
        waiting: dict[int, list[Batch]] = {}
        rows: dict[int, int] = {}
        pending = 0

        def flush(targets: Sequence[int]) -> None:
            for target in targets:
                del rows[target]
                outbox.add(target, joined(waiting.pop(target)))

        for target, batch in self.spec.operator.send(batches, call):
            waiting.setdefault(target, []).append(batch)
            rows[target] = rows.get(target, 0) + len(batch)
            pending += 1
            if rows[target] >= _BLOCK_ROWS:
                flush([target])
            elif pending >= _MOST_PENDING * self.targets:
                flush(list(waiting))
                pending = 0
            if outbox.found is not None:
                return outbox.found
        flush(list(waiting))
        return outbox.sent(self.side)


@dataclass
class _Outbox:
    """Blocks that a partition sends: held up to a number of bytes, then written to the store.

    What an earlier attempt has sent through the store is `found` there when this one is about to write: it counts, so
    that all targets get one deal.
    """

    scope: Scope
    path: str
    room: int
    is_dealt: bool
    sources: int
    targets: int
    found: Sent | None = None
    _held: dict[int, list[Held]] = field(default_factory=lambda: defaultdict(list))
    _new: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _size: int = 0
    _digests: dict[int, Any] = field(default_factory=lambda: defaultdict(hashlib.sha256))
    _is_stored: bool = False

    def add(self, target: int, batch: Batch) -> None:
        """Encode a batch."""
        block = encode_block(batch, resolver=self.scope.program.resolve)
        if self.is_dealt:
            digest = self._digests[target]
            digest.update(b"%d;" % len(block))
            digest.update(block)
        self._new[target].append(block)
        self._size += len(block)
        if self._size > self.room and self.found is None:
            self._write()

    def sent(self, side: int) -> Sent:
        """Return what was sent."""
        if self.found is None and self._is_stored and self._new:
            self._write()
        if self.found is not None:
            return self.found
        for target, blocks in self._new.items():
            self._held[target] += blocks
        digest = ""
        if self.is_dealt:
            digests = sorted((target, made.hexdigest()) for target, made in self._digests.items())
            digest = hashlib.sha256(repr(digests).encode()).hexdigest()
        made = Sent(side, dict(self._held), digest, self.skipped())
        return note_sent(self.scope.settings.store, self.path, made) if self._is_stored else made

    def skipped(self) -> dict[int, dict[str, int]]:
        """What was skipped on the way, for the target that counts it."""
        skipped = self.scope.notes.skipped
        owner = parent_of(self.scope.partition, self.sources, self.targets)
        return {owner: dict(skipped)} if skipped else {}

    def _write(self) -> None:
        """Write what is held to the store, the first time unless an earlier attempt has written all of it."""
        store = self.scope.settings.store
        if not self._is_stored:
            self.found = find_sent(store, self.path)
            if self.found is not None:
                return
        try:
            stretches = write_blocks(store, self.path, self._new)
        except ReadOnlyStoreError:
            # A store that one may only read keeps nobody from computing: what is sent stays in memory.
            if self._is_stored:
                raise
            self.room = 1 << 62
            return
        self._is_stored = True
        for target, stretch in stretches.items():
            self._held[target].append(stretch)
        self._new.clear()
        self._size = 0
