"""The operator over batches as NumPy arrays: map_batches."""

from __future__ import annotations

from dtset.operators.call import FUNCTION, Call
from dtset.operators.kernels.driver import Handler
from dtset.operators.operator import Step
from dtset.plan.user_function import Accepted, Form
from dtset.storage.numpy_batches import from_numpy, to_numpy


def _map_batches(call: Call) -> list[Handler]:
    return [_mapped(call)]


def _mapped(call: Call) -> Handler:
    """Give what the function makes of each batch."""
    function, ctx = call.function(), call.passed_ctx()
    as_objects = bool(call.spec.params["as_objects"])
    while (batch := (yield None)) is not None:
        with call.place.noting():
            arrays = to_numpy(batch, as_objects=as_objects)
            made = from_numpy(function(arrays) if ctx is None else function(arrays, ctx))
        yield made


MAP_BATCHES = Step(
    "map_batches",
    _map_batches,
    {
        FUNCTION: Accepted(
            "f(batch) or f(batch, ctx)",
            {1: (Form.BATCH, False), 2: (Form.BATCH, True)},
            (Form.BATCH, False),
        )
    },
)
