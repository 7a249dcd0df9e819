"""Forms of user functions, sources, and the order of nodes: without Dask, Zarr or I/O."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtset import UsageError
from dtset.plan.context import TSetContext
from dtset.plan.nodes import Cache, Persist, Source, Transform, described, topological
from dtset.plan.sources import FunctionSource, RangeSource, share
from dtset.plan.user_function import Form, user_function


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
    ("role", "function", "form", "takes_ctx"),
    [
        ("map", lambda x: x, Form.ELEMENT, False),
        ("map", lambda x, ctx: x, Form.ELEMENT, True),
        ("map", lambda x, base=1: x, Form.ELEMENT, False),
        ("map", lambda *args: args, Form.ELEMENT, False),
        ("map", Callable(), Form.ELEMENT, True),
        ("map", int, Form.ELEMENT, False),
        ("map", str.upper, Form.ELEMENT, False),
        ("map", partial(pow, 2), Form.ELEMENT, False),
        ("flat_map", lambda x: [x], Form.EXPAND, False),
        ("flat_map", lambda x, collector: None, Form.ELEMENT_COLLECTOR, False),
        ("compute", lambda itr, collector, ctx: None, Form.COLLECTOR, True),
        ("compute", lambda itr, ctx: 1, Form.VALUE, True),
        ("compute", stream, Form.STREAM, True),
        ("compute", partial(stream), Form.STREAM, True),
        ("compute", Streaming(), Form.STREAM, True),
        ("reduce", max, Form.PAIR, False),
        ("sink", lambda itr: None, Form.PARTITION, False),
        ("source", lambda: [1], Form.ITERABLE, False),
        ("source", lambda ctx: [], Form.ITERABLE, True),
    ],
)
def test_the_parameters_without_a_default_decide_the_form(role, function, form, takes_ctx):
    made = user_function(role, function)
    assert (made.form, made.takes_ctx) == (form, takes_ctx)


def test_errors_name_the_function_and_the_forms_there_are():
    def nothing():
        return 0

    with pytest.raises(UsageError, match=r"f\(x\) or f\(x, ctx\).*nothing has 0 parameters"):
        user_function("map", nothing)


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
    found = [x for i in range(parallelism) for x in source.elements(ctx(i, parallelism))]
    assert found == list(range(start, stop, step))


def test_every_partition_of_a_source_object_begins_afresh():
    class Counter:
        def __init__(self):
            self.seen = []

        def has_next(self):
            return len(self.seen) < 3

        def next(self):
            self.seen.append(len(self.seen))
            return self.seen[-1]

    source = FunctionSource(user_function("source", Counter()))
    assert [list(source.elements(ctx(i, 2))) for i in range(2)] == [[0, 1, 2]] * 2


def test_nodes_come_after_what_they_read_and_once():
    source = Source(operator="range", data=RangeSource(0, 1, 1), parallelism=2)
    mapped = Transform(operator="map", function=user_function("map", str), input=source)
    cached = Cache(input=mapped)
    persisted = Persist(input=cached, parallelism=2, name="kept")
    assert topological(persisted, mapped) == [source, mapped, cached, persisted]
    assert [described(node) for node in topological(persisted)] == [
        "range",
        "map str",
        "cache",
        "persist kept",
    ]
    assert persisted.parallelism == cached.parallelism == mapped.parallelism == 2


def test_long_chains_know_their_partitions():
    node = Source(operator="range", data=None, parallelism=3)
    for _ in range(5000):
        node = Transform(operator="map", input=node)
    assert node.parallelism == 3
