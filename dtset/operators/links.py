"""Links: Twister2's ``direct`` and ``pipe``, which change nothing, and those that bring elements to one partition or all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dtset.operators.call import Call
from dtset.operators.kernels.batching import Batches
from dtset.operators.kernels.driver import Handler
from dtset.operators.operator import Mover, Step
from dtset.operators.partitioning import received
from dtset.plan.nodes import Content, Mark, Node, through_links
from dtset.storage.batch import Batch, Rows

WITH_SOURCES = "with sources"
"""The parameter of links whose compute sees from which partition an element came."""


def _as_it_is(call: Call) -> list[Handler]:
    """Return no handler: batches pass."""
    return []


def _send_to_all(batches: Batches, call: Call) -> Iterator[tuple[int, Batch]]:
    """Give each element to all partitions."""
    source = call.place.partition
    for batch in batches:
        if call.spec.params.get(WITH_SOURCES):
            batch = Rows([(source, element) for element in batch.rows()])
        for target in range(call.targets):
            yield target, batch


def with_sources(node: Node) -> Node:
    """Return what a compute reads: after a gather, pairs of a partition's number and an element that came from it."""
    link = through_links(node)
    if link.operator.content is not Content.SOURCED:
        return node
    return replace(link, params={**link.params, WITH_SOURCES: True}, mark=Mark())


DIRECT = Step("direct", _as_it_is, is_link=True)
PIPE = Step("pipe", _as_it_is, is_link=True)
GATHER = Mover("gather", _send_to_all, received, content=Content.SOURCED)
ALL_GATHER = Mover("all_gather", _send_to_all, received, content=Content.SOURCED)
REPLICATE = Mover("replicate", _send_to_all, received)
ALL_REDUCE = Mover("all_reduce", _send_to_all, received, content=Content.VALUE)
