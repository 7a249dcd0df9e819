"""Forms of user functions, sources, and the order of nodes: without Dask, Zarr or I/O."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtset import UsageError
from dtset.operators.call import FUNCTION
from dtset.operators.elementwise import FLAT_MAP, MAP
from dtset.operators.operator import function_of
from dtset.operators.partitionwise import COMPUTE, SINK
from dtset.operators.reductions import REDUCE
from dtset.operators.sources import CREATE_SOURCE, RANGE, RangeSource, share
from dtset.plan.attempts import Attempts
from dtset.plan.context import TSetContext
from dtset.plan.nodes import (
    Apply,
    Source,
    Stored,
    described,
    snapshot_of_sides,
    title,
    topological,
)
from dtset.plan.rows import row_class
from dtset.plan.user_function import Form


def ctx(index, parallelism):
    return TSetContext(index=index, parallelism=parallelism, id="s", name="s")


class Callable:
    def __call__(self, x, ctx):
        return x


class Streaming:
    def __call__(self, itr, ctx):
        yield from itr


def stream(itr, ctx):
    yield from itr


@pytest.mark.parametrize(
    ("operator", "function", "form", "takes_ctx"),
    [
        (MAP, lambda x: x, Form.ELEMENT, False),
        (MAP, lambda x, ctx: x, Form.ELEMENT, True),
        (MAP, lambda x, base=1: x, Form.ELEMENT, False),
        (MAP, lambda *args: args, Form.ELEMENT, False),
        (MAP, Callable(), Form.ELEMENT, True),
        (MAP, int, Form.ELEMENT, False),
        (MAP, str.upper, Form.ELEMENT, False),
        (MAP, partial(pow, 2), Form.ELEMENT, False),
        (FLAT_MAP, lambda x: [x], Form.EXPAND, False),
        (FLAT_MAP, lambda x, collector: None, Form.ELEMENT_COLLECTOR, False),
        (COMPUTE, lambda itr, collector, ctx: None, Form.COLLECTOR, True),
        (COMPUTE, lambda itr, ctx: 1, Form.VALUE, True),
        (COMPUTE, stream, Form.STREAM, True),
        (COMPUTE, partial(stream), Form.STREAM, True),
        (COMPUTE, Streaming(), Form.STREAM, True),
        (REDUCE, max, Form.PAIR, False),
        (SINK, lambda itr: None, Form.PARTITION, False),
        (CREATE_SOURCE, lambda: [1], Form.ITERABLE, False),
        (CREATE_SOURCE, lambda ctx: [], Form.ITERABLE, True),
    ],
)
def test_the_parameters_without_a_default_decide_the_form(operator, function, form, takes_ctx):
    made = function_of(operator, function)[FUNCTION]
    assert (made.form, made.takes_ctx) == (form, takes_ctx)


def test_errors_name_the_function_and_the_forms_there_are():
    def nothing():
        return 0

    with pytest.raises(UsageError, match=r"f\(x\) or f\(x, ctx\).*nothing has 0 parameters"):
        function_of(MAP, nothing)


@given(st.integers(0, 1000), st.integers(1, 60))
def test_shares_are_contiguous_and_of_about_the_same_length(length, parallelism):
    bounds = [share(length, index, parallelism) for index in range(parallelism)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == length
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    lengths = [stop - start for start, stop in bounds]
    assert max(lengths) - min(lengths) <= 1


@given(
    st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool), st.integers(1, 9)
)
def test_ranges_are_pythons_however_they_are_cut(start, stop, step, parallelism):
    source = RangeSource(start, stop, step)
    found = [x for i in range(parallelism) for x in source.share(i, parallelism)]
    assert found == list(range(start, stop, step))


def test_nodes_come_after_what_they_read_and_once():
    source = Source(operator=RANGE, data=RangeSource(0, 1, 1), parallelism=2)
    mapped = Apply(operator=MAP, functions=function_of(MAP, str), inputs=(source,))
    cached = Stored(durable=False, inputs=(mapped,), parallelism=2)
    persisted = Stored(durable=True, inputs=(cached,), parallelism=2, name="kept")
    assert topological(persisted, mapped) == [source, mapped, cached, persisted]
    assert [described(node) for node in topological(persisted)] == [
        "range",
        "map str",
        "cache",
        "persist kept",
    ]
    assert mapped.parallelism == 2


def test_nothing_above_a_node_is_listed_if_nothing_is_wanted_there():
    source = Source(operator=RANGE, parallelism=2)
    cached = Stored(durable=False, inputs=(source,), parallelism=2)
    mapped = Apply(operator=MAP, inputs=(cached,))
    assert topological(mapped, until=lambda node: node is cached) == [cached, mapped]


def test_long_chains_know_their_partitions():
    node = Source(operator=RANGE, parallelism=3)
    for _ in range(5000):
        node = Apply(operator=MAP, inputs=(node,))
    assert node.parallelism == 3


def test_a_snapshot_keeps_what_side_inputs_are_bound_to():
    source = Source(operator=RANGE, parallelism=2)
    centers = [Stored(durable=False, inputs=(source,), parallelism=1) for _ in range(2)]
    mapped = Apply(operator=MAP, inputs=(source,), sides={})
    below = Apply(operator=MAP, inputs=(mapped,))
    assert snapshot_of_sides(below) is below
    mapped.sides["centers"] = centers[0]
    taken = snapshot_of_sides(below)
    mapped.sides["centers"] = centers[1]
    assert taken.inputs[0].sides == {"centers": centers[0]}
    assert snapshot_of_sides(below).inputs[0].sides == {"centers": centers[1]}
    assert taken.inputs[0].inputs == (source,)


def test_a_context_notes_what_it_was_asked():
    seen = {
        "index": lambda ctx: ctx.get_index(),
        "parallelism": lambda ctx: ctx.parallelism,
        "id": lambda ctx: ctx.id,
        "random": lambda ctx: ctx.random.random(),
        "config": lambda ctx: ctx.config,
    }
    for name, ask in seen.items():
        context = ctx(1, 2)
        assert (context.name, context.attempt, context.worker_id, context.seen) == (
            "s",
            0,
            0,
            {},
        )
        ask(context)
        assert set(context.seen) == {name}


def test_a_persist_is_called_by_its_name_else_by_what_it_keeps():
    named = Stored(durable=True, inputs=(), parallelism=2, name="clean")
    assert described(named) == "persist clean"
    assert title(Stored(durable=True, inputs=(Source(operator=RANGE, parallelism=2),))) == "range"


def test_rows_have_attributes_for_columns_whose_names_can_be_ones():
    assert repr(row_class(("city", "2020"))("Ulm", 3)) == "Row(city='Ulm', _1=3)"


def test_pauses_grow_until_there_is_no_further_call():
    assert [Attempts(1, retries=3).pause(n) for n in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, None]
