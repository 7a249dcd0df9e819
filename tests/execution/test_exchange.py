"""The two ways that an exchange's blocks go: in the results of tasks, and through the store."""

from __future__ import annotations

import uuid
from dataclasses import replace

import dask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset import TSetEnvironment
from dtset.errors import CorruptCheckpointError
from dtset.exchange.deal import Sent
from dtset.execution.exchange.stretches import (
    Stretch,
    find_sent,
    note_sent,
    read_blocks,
    write_blocks,
)
from dtset.execution.stage import TaskSettings
from dtset.execution.tasks import run_group
from dtset.operators.elementwise import MAP
from dtset.operators.reductions import KEYED_REDUCE
from dtset.plan.nodes import Stored
from dtset.storage.opening import open_store
from tests.execution.flows import elements, keyed, made_run, made_store, numbers, paired
from tests.execution.test_lower import applied, exchanged, lowered
from tests.properties import examples


def with_memory(run, memory):
    told = replace(run.context.settings, exchange_memory=memory)
    return replace(run, context=replace(run.context, settings=told))


def words(env):
    return env.range(3000, parallelism=5).map_to_tuple(lambda i: (i % 700, str(i)))


def test_both_ways_give_the_same_elements_in_the_same_order(tmp_path):
    found = []
    for memory in ("0", "20 kB", "64 MiB"):
        with (
            dask.config.set({"dtset.exchange.memory": memory}),
            TSetEnvironment(cluster="synchronous", store=tmp_path / "store") as env,
        ):
            found.append(words(env).keyed_reduce(lambda a, b: a + b).collect())
            found.append(words(env).partition(lambda pair: pair[0] % 3, 3).collect())
    assert found[:2] == found[2:4] == found[4:]
    values = {}
    for number in range(3000):
        values[number % 700] = values.get(number % 700, "") + str(number)
    assert dict(found[0]) == values


def test_what_is_much_goes_through_the_store_and_leaves_nothing():
    for memory in (0, 1 << 30):
        store = made_store()
        run, _ = made_run(store)
        run = with_memory(run, memory)
        first = elements(run, keyed(lambda a, b: a + b, paired(numbers(600, 3))))
        wrote = [call for call in store.calls if "/exchange/" in call and call.startswith("put ")]
        assert bool(wrote) == (memory == 0)
        # Each of three map tasks writes one object, whatever the number of targets.
        assert len(wrote) in (0, 3)
        assert not [entry for entry in store.list("") if "/exchange/" in entry.path]
        assert sum(len(part) for part in first) == 3


def test_persists_of_one_deal_are_found_whichever_way_it_went():
    store = made_store()
    digests = set()
    for memory in (0, 1 << 30):
        run, _ = made_run(store)
        node = keyed(lambda a, b: a + b, paired(numbers(600, 3)))
        kept = Stored(durable=True, inputs=(node,), parallelism=2, name="kept", refresh=True)
        with_memory(run, memory).prepare(kept)
        digests.add(run.at_hand.persisted[kept.mark].manifest.digest)
    assert len(digests) == 1


@settings(max_examples=examples(50), deadline=None)
@given(st.dictionaries(st.integers(0, 9), st.lists(st.binary(max_size=9), min_size=1, max_size=4)))
def test_stretches_give_the_blocks_of_each_target(blocks):
    store = open_store(f"memory://{uuid.uuid4().hex}")
    stretches = write_blocks(store, "a/b", blocks)
    read = {target: list(read_blocks(store, held)) for target, held in stretches.items()}
    assert read == blocks
    sent = Sent(1, {target: [held] for target, held in stretches.items()}, "digest")
    assert find_sent(store, "a/b") is None
    assert note_sent(store, "a/b", sent) == sent == find_sent(store, "a/b")
    # Whoever says it first is right.
    assert note_sent(store, "a/b", Sent(1, {}, "another")) == sent


def test_what_one_attempt_has_sent_counts_for_the_next():
    """As when a worker is lost after its map task, whose functions give something else each time."""
    store = open_store(f"memory://{uuid.uuid4().hex}")
    store.put("record", b"{}")
    told = TaskSettings(store, "job", "run", 8, "none", True, 0, False, "record", 0, "action")
    chance = applied(MAP, lambda x: (x, uuid.uuid4().hex), numbers(6, 2))
    graph = lowered(exchanged(KEYED_REDUCE, lambda a, b: a + b, chance, 2), told).graph
    sending = [task for key, task in graph.items() if "send" in key[0] and task.func is run_group]
    assert len(sending) == 2
    for task in sending:
        first, again = task.func(*task.args), task.func(*task.args)
        assert first.results == again.results
    # In memory, each attempt sends its own; targets are told apart by the deal.
    apart = replace(told, exchange_memory=1 << 20)
    graph = lowered(exchanged(KEYED_REDUCE, lambda a, b: a + b, chance, 2), apart).graph
    for task in (
        task for key, task in graph.items() if "send" in key[0] and task.func is run_group
    ):
        first, again = task.func(*task.args), task.func(*task.args)
        assert first.results != again.results


def test_a_damaged_object_is_an_error_that_names_it():
    store = open_store(f"memory://{uuid.uuid4().hex}")
    stretches = write_blocks(store, "a/b", {0: [b"abc"], 1: [b"defg"]})
    path = stretches[1].path
    store.put(path, b"abcde")
    assert list(read_blocks(store, stretches[0])) == [b"abc"]
    with pytest.raises(CorruptCheckpointError, match=r"expected bytes 3 to 7, found 2 of them"):
        list(read_blocks(store, stretches[1]))
    with pytest.raises(CorruptCheckpointError, match="is gone or was cut"):
        list(read_blocks(store, Stretch("a/gone", (0, 3))))
