"""Links between partitions of the same number: Twister2's ``direct`` and ``pipe``, which change nothing."""

from __future__ import annotations

from dtset.operators.call import Call
from dtset.operators.kernels.driver import Handler
from dtset.operators.operator import Step


def _as_it_is(call: Call) -> list[Handler]:
    """Return no handler: batches pass."""
    return []


DIRECT = Step("direct", _as_it_is, is_link=True)
PIPE = Step("pipe", _as_it_is, is_link=True)
