"""TSets as Dask's collections, and as one of Dask's collections themselves."""

from __future__ import annotations

import dask
import dask.bag
import distributed
import numpy as np
import pytest

from dtset import CachedTSet, KeyedTSet, TSetEnvironment, UsageError


class Word:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return type(other) is type(self) and other.text == self.text

    __hash__ = None


@pytest.mark.parametrize("cluster", ["synchronous", "threads", None])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_dask_computes_a_tset(store, cluster, checkpointing):
    with TSetEnvironment(
        store=store, cluster=cluster, job_id="dask", checkpointing=checkpointing
    ) as env:
        tset = env.range(10, parallelism=3).map(lambda i: Word(str(i)))
        sums = env.range(10, parallelism=3).key_by(lambda i: i % 2).keyed_reduce(lambda a, b: a + b)
        # Dask 2026.8 itself mixes up results of collections of two kinds that are not given kind by kind.
        found, both, number = dask.compute(tset, {"sums": sums}, dask.delayed(sum)([1, 2]))
        assert found == [Word(str(i)) for i in range(10)]
        assert (number, sorted(both["sums"])) == (3, [(0, 20), (1, 25)])
        assert dask.is_dask_collection(tset)
        assert dask.delayed(len)(tset).compute() == 10


def test_dask_persists_a_tset(store, tmp_path):
    def noted(i):
        with open(tmp_path / "calls", "a") as calls:
            calls.write("x")
        return i, str(i)

    with TSetEnvironment(store=store, cluster="threads", job_id="dask") as env:
        tset = env.range(10, parallelism=3).map_to_tuple(noted)
        (kept,) = dask.persist(tset)
        assert isinstance(kept, CachedTSet)
        assert isinstance(kept, KeyedTSet)
        assert kept.values().collect() == [str(i) for i in range(10)]
        assert kept.keys().persist().sum() == 45
        assert dask.compute(kept) == ([(i, str(i)) for i in range(10)],)
        assert (tmp_path / "calls").read_text() == "x" * 10


def test_persists_above_are_run_first_and_only_once(store, tmp_path):
    def noted(i):
        with open(tmp_path / "calls", "a") as calls:
            calls.write("x")
        return i

    def run():
        with TSetEnvironment(store=store, cluster="synchronous", job_id="above") as env:
            above = env.range(6, parallelism=2).map(noted).lazy_persist()
            assert dask.compute(above.map(lambda i: i + 1), above.cache()) == (
                [1, 2, 3, 4, 5, 6],
                [*range(6)],
            )
            return above.hit

    assert run() is False
    assert run() is True
    assert (tmp_path / "calls").read_text() == "x" * 6


def test_a_side_input_that_is_bound_anew_is_seen(env):
    tset = env.range(3, parallelism=1).map(lambda i, ctx: i * ctx.get_input("n").first())
    for n in (2, 5):
        tset.add_input("n", env.parallelize([n], 1).cache())
        assert dask.compute(tset) == ([0, n, 2 * n],)


def test_an_exception_keeps_its_type_and_its_place(env):
    tset = env.range(4, parallelism=2).map(lambda i: 1 // (i - 3))
    with pytest.raises(ZeroDivisionError) as raised:
        dask.compute(tset)
    assert raised.value.__notes__[0].endswith("partition 1, element 1")


def test_graphs_can_be_looked_at_and_optimized(env):
    tset = env.range(4, parallelism=2).map(lambda i: i)
    (same,) = dask.optimize(tset)
    assert dask.compute(same, scheduler="sync") == ([0, 1, 2, 3],)
    assert len(tset.__dask_graph__()) >= 2
    assert dask.base.tokenize(tset) == dask.base.tokenize(tset)


def test_tsets_on_a_client(store, local_cluster):
    from distributed import Client

    with Client(local_cluster) as client, TSetEnvironment(store=store, job_id="client") as env:
        tset = env.range(10, parallelism=3).map(lambda i: i * i)
        assert client.compute(tset).result() == [i * i for i in range(10)]
        assert client.compute([tset])[0].result() == [i * i for i in range(10)]
        kept = client.persist(tset)
        done, not_done = distributed.wait(kept, 20)
        assert (len(done), len(not_done)) == (3, 0)
        assert kept.sum() == 285
        with pytest.raises(UsageError, match="in the thread that speaks with it"):
            distributed.wait(tset.map(str), 20)
        assert dask.compute(tset) == ([i * i for i in range(10)],)
        assert tset.to_bag().sum().compute() == 285
        assert np.array_equal(tset.to_dask_array().compute(), np.arange(10) ** 2)
        with TSetEnvironment(store=store, job_id="other", cluster="synchronous") as here:
            (local,) = dask.persist(here.range(5, parallelism=2).map(lambda i: -i))
            assert local.collect() == [0, -1, -2, -3, -4]


def test_a_bag_and_delayed_values_have_its_partitions(env):
    tset = env.parallelize("abcde", 2)
    bag = tset.to_bag()
    assert isinstance(bag, dask.bag.Bag)
    assert bag.npartitions == 2
    assert bag.map(str.upper).compute(scheduler="sync") == [*"ABCDE"]
    assert dask.compute(*tset.to_delayed(), scheduler="threads") == ([*"ab"], [*"cde"])
    assert env.from_bag(bag, version=1).collect() == [*"abcde"]


def test_arrays(env):
    tset = env.range(10, parallelism=3).map(lambda i: i / 2)
    array = tset.to_dask_array()
    assert array.dtype == np.float64
    assert np.isnan(array.shape[0])
    assert array.sum().compute() == 22.5
    stored = tset.persist().to_dask_array()
    assert stored.chunks == ((3, 3, 4),)
    assert stored[4].compute() == 2.0
    rows = env.parallelize([np.eye(2, dtype=np.float32) * i for i in range(5)], 2)
    assert rows.to_dask_array().compute().shape == (5, 2, 2)
    assert rows.filter(lambda row: row[0, 0] < 2).to_dask_array().compute().shape == (2, 2, 2)
    with pytest.raises(UsageError, match="takes numbers"):
        env.parallelize([(1, 2)], 1).to_dask_array()
    with pytest.raises(UsageError, match="without elements"):
        env.parallelize([], 1).to_dask_array()
    with pytest.raises(TypeError, match="of one kind"):
        env.parallelize([1, 0.5], 2).to_dask_array().compute(scheduler="sync")


def test_labelled_arrays(env):
    pytest.importorskip("xarray")
    rows = env.parallelize([np.arange(3) + i for i in range(4)], 2)
    for tset in (rows, rows.persist()):
        labelled = tset.to_xarray()
        assert labelled.dims == ("element", "dim_1")
        assert labelled.sum("element").values.tolist() == [6, 10, 14]


def test_frames(env):
    rows = env.parallelize([{"a": i, "b": str(i)} for i in range(6)], 2)
    frame = rows.to_dataframe()
    assert (frame.npartitions, list(frame.columns)) == (2, ["a", "b"])
    assert frame.a.sum().compute(scheduler="sync") == 15
    assert frame[frame.a > 3].b.compute(scheduler="sync").tolist() == ["4", "5"]
    late = rows.filter(lambda row: row["a"] > 2).to_dataframe()
    empty, full = dask.compute(*late.to_delayed(), scheduler="sync")
    assert (len(empty), list(empty.dtypes)) == (0, list(full.dtypes))
    pairs = rows.map(lambda row: (row["a"], 1)).to_dataframe()
    assert list(pairs.compute(scheduler="sync").columns) == ["0", "1"]
    with pytest.raises(TypeError, match="takes named tuples, dicts or tuples"):
        env.range(3).to_dataframe()
