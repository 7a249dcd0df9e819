"""Random chains of operators give what a plain-Python model gives, on every scheduler."""

from __future__ import annotations

import uuid

import dask
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import TSetEnvironment
from dtset.operators.sources import share
from tests import model
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


def pairs(t):
    return t.map_to_tuple(as_pair)


def one_a_key(t):
    return pairs(t).keyed_reduce(joined)


def listed(group):
    return group[0], [list(values) for values in group[1]]


def gathered(group):
    return group[0], list(group[1])


def paired(p):
    return model.each(as_pair, p)


def one_of_each_key(p):
    return model.keyed_reduce(joined, paired(p))


def joining(how, algorithm="hash"):
    """A join of all elements with one element a key; all values of a key would be too many, after some steps."""
    return (
        lambda t: pairs(t).join(one_a_key(t), how, algorithm=algorithm),
        lambda p: model.join(how, paired(p), one_of_each_key(p)),
    )


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
    "keyed_reduce": (one_a_key, one_of_each_key),
    "reduce": (lambda t: t.reduce(joined), lambda p: model.reduced(joined, p)),
    "all_reduce": (
        lambda t: t.all_reduce(joined),
        lambda p: model.reduced(joined, p) * len(p),
    ),
    "gather": (lambda t: t.gather(), lambda p: [model.all_of(p)]),
    "all_gather": (lambda t: t.all_gather(), lambda p: [model.all_of(p)] * len(p)),
    "replicate": (lambda t: t.gather().replicate(3), lambda p: [model.all_of(p)] * 3),
    "partition": (
        lambda t: t.partition(lambda x: weight(x) % 3, 3),
        lambda p: model.dealt(lambda x: weight(x) % 3, p, 3),
    ),
    "repartition": (lambda t: t.repartition(4), lambda p: model.repartition(4, p)),
    "concat": (
        lambda t: t.filter(weight).concat(t.map(repr)),
        lambda p: [*p, *model.each(repr, p)],
    ),
    "union": (
        lambda t: t.filter(weight).union(t.map(repr)),
        lambda p: model.union(p, model.each(repr, p)),
    ),
    "keyed_gather": (
        lambda t: pairs(t).keyed_gather().map(gathered),
        lambda p: model.keyed_gather(paired(p)),
    ),
    "keyed_gather on disk": (
        lambda t: pairs(t).keyed_gather(use_disk=True).map(gathered),
        lambda p: model.keyed_gather(paired(p)),
    ),
    "keyed_gather_ungrouped": (
        lambda t: pairs(t).keyed_gather_ungrouped(),
        lambda p: model.keyed_gather_ungrouped(paired(p)),
    ),
    "cogroup": (
        lambda t: pairs(t).cogroup(one_a_key(t)).map(listed),
        lambda p: model.each(listed, model.cogroup(paired(p), one_of_each_key(p))),
    ),
    "join": joining("inner"),
    "join left": joining("left"),
    "join right": joining("right"),
    "join outer": joining("outer"),
    "group_by": (
        lambda t: t.group_by(weight).map(gathered),
        lambda p: model.keyed_gather(model.each(lambda x: (weight(x), x), p)),
    ),
    "sort_by": (
        lambda t: t.sort_by(repr).gather(),
        lambda p: [sorted(model.all_of(p), key=repr)],
    ),
    "distinct": (
        lambda t: t.map(repr).distinct(),
        lambda p: model.distinct(model.each(repr, p)),
    ),
    "zip_with_index": (lambda t: t.zip_with_index(), model.zip_with_index),
    "values": (lambda t: pairs(t).map_values(repr).values(), lambda p: model.each(repr, p)),
    "keys": (lambda t: pairs(t).keys(), lambda p: model.each(lambda x: as_pair(x)[0], p)),
    "map_batches": (
        lambda t: t.map(weight).map_batches(lambda batch: batch * 2),
        lambda p: model.each(lambda x: weight(x) * 2, p),
    ),
    "cache": (lambda t: t.cache(), lambda p: p),
    "lazy_cache": (lambda t: t.lazy_cache(), lambda p: p),
    "persist": (lambda t: t.persist(), lambda p: p),
    "lazy_persist": (lambda t: t.lazy_persist(), lambda p: p),
}

SEEN_OTHERWISE = {"reduce", "all_reduce", "gather", "all_gather", "sort_by"}

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


@pytest.fixture(scope="module", params=["64 MiB", "0"], ids=["in memory", "through the store"])
def anywhere(request, scheduler, tmp_path_factory):
    store = tmp_path_factory.mktemp("chains")
    with (
        dask.config.set({"dtset.exchange.memory": request.param}),
        TSetEnvironment(store=store, cluster=scheduler, job_id="chains") as env,
    ):
        yield env


def chained(env, data, parallelism, chosen):
    """A chain of operations, what the model gives for it, and the persists in it."""
    tset = env.parallelize(data, parallelism)
    expected = [data[slice(*share(len(data), i, parallelism))] for i in range(parallelism)]
    is_plain, persists = True, []
    for step in chosen:
        if step in ("reduce", "all_reduce") and not any(expected):
            break
        # What follows a reduce is given its value, and what follows a gather where elements came from.
        if not is_plain and step.startswith("compute"):
            continue
        is_plain = step not in SEEN_OTHERWISE and (is_plain or step != "direct")
        operate, model_of = STEPS[step]
        tset, expected = operate(tset), model_of(expected)
        if step == "persist":
            persists.append(tset)
        if sum(map(len, expected)) > 2000:
            break
    return tset, expected, persists


@settings(
    max_examples=examples(75),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=elements, parallelism=st.integers(1, 5), chosen=steps)
def test_chain_gives_what_the_model_gives(anywhere, data, parallelism, chosen):
    tset, expected, _ = chained(anywhere, data, parallelism, chosen)
    flat = [x for partition in expected for x in partition]
    found = tset.collect()
    assert found == flat
    assert list(map(type, found)) == list(map(type, flat))
    assert tset.count() == len(flat)
    assert tset.take(3) == flat[:3]


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=elements, parallelism=st.integers(1, 4), chosen=steps, place=st.integers(0, 6))
def test_a_restart_finds_all_that_was_persisted(tmp_path, data, parallelism, chosen, place):
    job_id = uuid.uuid4().hex
    chosen = [*chosen[:place], "persist", *chosen[place:]]
    found = []
    for memory in ("64 MiB", "0"):
        with (
            dask.config.set({"dtset.exchange.memory": memory}),
            TSetEnvironment(store=tmp_path, cluster="synchronous", job_id=job_id) as env,
        ):
            tset, expected, persists = chained(env, data, parallelism, chosen)
            found.append((tset.collect(), [bool(persisted.hit) for persisted in persists]))
            assert found[-1][0] == model.all_of(expected)
    assert not any(found[0][1])
    assert all(found[1][1])
