"""What the driver holds while a program goes on: objects are counted, not bytes."""

from __future__ import annotations

import gc
import operator
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client

from dtset import FingerprintError, TSetEnvironment
from dtset.checkpoint.manifest import Manifest
from dtset.checkpoint.part import Part
from dtset.execution.at_hand import Cached, Persisted
from dtset.execution.data.inline import SequenceSource
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.lower import Target
from dtset.execution.resolve import Found, Resolved
from dtset.fingerprint.tree import Tree
from dtset.plan.nodes import Apply, Exchange, Mark, Source, Stored
from dtset.tset.tset import TSet

HELD = [object()]
COUNTED = (
    *(Apply, BlockInput, Cached, Exchange, Found, LoadInput, Manifest, Mark, Part, Persisted),
    *(Resolved, SequenceSource, Source, Stored, Target, Tree, TSet, *TSet.__subclasses__()),
)


def there():
    """How many objects there are of each kind that a turn of a loop makes."""
    gc.collect()
    kinds = Counter(type(each) for each in gc.get_objects())
    return {kind: kinds[kind] for kind in COUNTED}


def turn(env, number):
    """Everything that a program does: actions, persists, caches, plans, errors."""
    numbers = env.parallelize(range(number, number + 40), 2)
    shifted = numbers.map(lambda x: x + number)
    assert shifted.count() == 40
    kept = shifted.map_to_tuple(lambda x: (x % 3, x)).keyed_reduce(operator.add).cache()
    done = kept.map(str).persist(f"done {number % 3}")
    assert len(done.collect()) == kept.count() == 3
    lazy = done.map(len).lazy_persist("lazy")
    if env.checkpointing:
        assert [each.name for each in env.plan(lazy.map(abs)).persists][-1] == "lazy"
    lazy.lazy_for_each(lambda x: None)
    env.run()
    assert lazy.take(1)
    with pytest.raises(ZeroDivisionError):
        done.map(lambda x: 1 / 0).persist()
    strange = env.range(2).map(lambda x: type(HELD).__name__).cache()
    if env.checkpointing:
        with pytest.raises(FingerprintError):
            strange.persist()


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
@pytest.mark.parametrize("checkpointing", [True, False])
def test_a_loop_leaves_no_nodes_manifests_and_trees(store, cluster, checkpointing):
    with TSetEnvironment(
        store=store, cluster=cluster, checkpointing=checkpointing, parallelism=2
    ) as env:
        counts = []
        # Other tests of this process may hold some.
        before = there()
        for number in range(12):
            turn(env, number)
            counts.append(there())
        least = {kind: min(each[kind] for each in counts[-6:]) for kind in COUNTED}
        # An idle thread of Dask's has its last task in hand still.
        in_hand = set() if cluster == "synchronous" else {BlockInput, LoadInput, Part}
        assert {kind for kind, number in least.items() if number > before[kind]} <= in_hand


def test_what_was_lazy_and_an_action_carried_out_goes_with_its_handle(store):
    with TSetEnvironment(store=store, cluster="synchronous") as env:
        numbers = env.range(4, parallelism=2)
        lazy = [numbers.map(lambda x: x + 1).lazy_cache() for _ in range(5)]
        lazy += [numbers.map(lambda x: x + 1).lazy_persist() for _ in range(5)]
        assert {tset.map(str).count() for tset in lazy} == {4}
        del lazy
        assert numbers.count() == 4
        gc.collect()
        at_hand = env._session.run.at_hand
        assert (env._session.waiting, len(at_hand.cached), len(at_hand.persisted)) == ([], 0, 0)


def test_what_a_handle_needs_is_there_as_long_as_the_handle(store):
    others = there()
    with TSetEnvironment(store=store, cluster="synchronous", parallelism=2) as env:
        persisted = env.range(4).persist()
        cached = env.range(4).map(str).cache()
        below = cached.map(len)
        del cached
        before = there()
        assert [before[kind] - others[kind] for kind in (Manifest, Cached)] == [1, 1]
        assert (persisted.collect(), below.collect()) == ([0, 1, 2, 3], [1, 1, 1, 1])
        del persisted, below
        after = there()
        assert [after[kind] - others[kind] for kind in (Manifest, Cached)] == [0, 0]


def test_large_sequences_go_from_the_store_when_nobody_refers_to_them(store):
    def sources():
        return {path.name for path in Path(store).glob("*/runs/*/sources/*") if path.is_dir()}

    with TSetEnvironment(store=store, cluster="synchronous", parallelism=2) as env:
        kept = env.parallelize(range(200_000))
        assert kept.count() == 200_000
        (first,) = sources()
        for start in (1, 2, 3):
            assert env.parallelize(range(start, 200_000)).count() == 200_000 - start
        assert env.range(1).count() == 1
        gc.collect()
        assert env.range(1).count() == 1
        assert sources() == {first}
        assert kept.map(abs).first() == 0
    assert sources() == set()


def test_without_checkpointing_what_nobody_refers_to_goes_at_the_end_too(store):
    def manifests():
        return list(Path(store).glob("*/tsets/*/*/manifest.json"))

    with TSetEnvironment(store=store, cluster="synchronous", checkpointing=False) as env:
        assert env.range(4).persist().count() == 4
        gc.collect()
        assert len(manifests()) == 1
    assert manifests() == []


def test_a_connection_to_a_cluster_keeps_no_graphs_that_were_sent(store, local_cluster):
    with (
        Client(local_cluster, set_as_default=False) as client,
        TSetEnvironment(store=store, cluster=client, parallelism=2) as env,
    ):
        assert env.parallelize(range(50_000)).map(abs).count() == 50_000
        assert not client.scheduler_comm.recent_message_log
