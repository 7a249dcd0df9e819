"""Random chains of operators give what a plain-Python model gives, on every scheduler."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import TSetEnvironment
from dtset.exchange.stable_hash import target_of
from dtset.operators.sources import share
from tests.properties import examples


def push_twice(itr, collector, ctx):
    for x in itr:
        collector.collect(x)
        collector.collect((ctx.index, x))


def stream_with_length(itr, ctx):
    n = 0
    for x in itr:
        n += 1
        yield x
    yield n


def length(itr, ctx):
    return sum(1 for _ in itr)


def second(itr, collector, ctx):
    next(itr, None)
    for x in itr:
        collector.collect(x)
        return


def weight(x):
    return len(repr(x))


def as_pair(x):
    return (weight(x) % 5, x)


def joined(a, b):
    return f"{a}|{b}"


def sprayed(x, collector):
    for i in range(weight(x) % 3):
        collector.collect(f"{x}{i}")


def model_keyed_reduce(partitions):
    sent = []
    for partition in partitions:
        values = {}
        for x in partition:
            key, value = as_pair(x)
            values[key] = joined(values[key], value) if key in values else value
        sent.append(values)
    merged = [{} for _ in partitions]
    for values in sent:
        for key, value in values.items():
            target = merged[target_of(key, len(partitions))]
            target[key] = joined(target[key], value) if key in target else value
    return [list(values.items()) for values in merged]


def model_reduce(partitions):
    partials = [reduce(joined, partition) for partition in partitions if partition]
    return [[reduce(joined, partials)]] if partials else None


STEPS = {
    "map": (lambda t: t.map(repr), lambda p: [[repr(x) for x in each] for each in p]),
    "filter": (
        lambda t: t.filter(lambda x: weight(x) % 2),
        lambda p: [[x for x in each if weight(x) % 2] for each in p],
    ),
    "flat_map": (
        lambda t: t.flat_map(lambda x: [x] * (weight(x) % 3)),
        lambda p: [[x for x in each for _ in range(weight(x) % 3)] for each in p],
    ),
    "flat_map push": (
        lambda t: t.flat_map(sprayed),
        lambda p: [[f"{x}{i}" for x in each for i in range(weight(x) % 3)] for each in p],
    ),
    "compute push": (
        lambda t: t.compute(push_twice),
        lambda p: [[y for x in each for y in (x, (i, x))] for i, each in enumerate(p)],
    ),
    "compute stream": (
        lambda t: t.compute(stream_with_length),
        lambda p: [[*each, len(each)] for each in p],
    ),
    "compute value": (lambda t: t.compute(length), lambda p: [[len(each)] for each in p]),
    "compute early end": (lambda t: t.compute(second), lambda p: [each[1:2] for each in p]),
    "direct": (lambda t: t.direct(), lambda p: p),
    "keyed_reduce": (
        lambda t: t.map_to_tuple(as_pair).keyed_reduce(joined),
        model_keyed_reduce,
    ),
    "reduce": (lambda t: t.reduce(joined), model_reduce),
    "cache": (lambda t: t.cache(), lambda p: p),
    "lazy_cache": (lambda t: t.lazy_cache(), lambda p: p),
    "persist": (lambda t: t.persist(), lambda p: p),
    "lazy_persist": (lambda t: t.lazy_persist(), lambda p: p),
}

elements = st.lists(
    st.one_of(
        st.integers(-5, 10**20),
        st.floats(allow_nan=False),
        st.text(max_size=4),
        st.booleans(),
        st.none(),
        st.binary(max_size=3),
        st.tuples(st.integers(0, 3), st.text(max_size=2)),
    ),
    max_size=30,
)
steps = st.lists(st.sampled_from(sorted(STEPS)), max_size=6)


@pytest.fixture(scope="module", params=["synchronous", "threads", "distributed"])
def scheduler(request):
    is_distributed = request.param == "distributed"
    return request.getfixturevalue("local_cluster") if is_distributed else request.param


@pytest.fixture(scope="module")
def anywhere(scheduler, tmp_path_factory):
    store = tmp_path_factory.mktemp("chains")
    with TSetEnvironment(store=store, cluster=scheduler, job_id="chains") as env:
        yield env


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=elements, parallelism=st.integers(1, 5), chosen=steps)
def test_chain_gives_what_the_model_gives(anywhere, data, parallelism, chosen):
    tset = anywhere.parallelize(data, parallelism)
    expected = [data[slice(*share(len(data), i, parallelism))] for i in range(parallelism)]
    reduced = False
    for step in chosen:
        if step == "reduce" and not any(expected):
            break
        # What follows a reduce is given its value, not an iterator.
        if reduced and step.startswith("compute"):
            continue
        reduced = step == "reduce" or (reduced and step == "direct")
        operate, model = STEPS[step]
        tset, expected = operate(tset), model(expected)
    flat = [x for partition in expected for x in partition]
    found = tset.collect()
    assert found == flat
    assert list(map(type, found)) == list(map(type, flat))
    assert tset.count() == len(flat)
    assert tset.take(3) == flat[:3]
