"""Lowering by itself: from nodes to a Dask graph, which is run here without an environment."""

from __future__ import annotations

import uuid
from collections import Counter
from functools import reduce

import dask
import pytest
from dask._task_spec import DataNode, Task, TaskRef
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset.execution.at_hand import Cached
from dtset.execution.inputs import BlockInput, shared
from dtset.execution.lower import Target, Want, grouped, lower
from dtset.execution.outputs import BlockOutput
from dtset.execution.shipping import ship
from dtset.execution.specs import function_key, spec_of
from dtset.execution.stage import GroupResult, TaskSettings
from dtset.execution.tasks import run_group
from dtset.operators.elementwise import FILTER, MAP, MAP_TO_TUPLE
from dtset.operators.joins import JOIN
from dtset.operators.links import DIRECT
from dtset.operators.operator import function_of
from dtset.operators.partitioning import PARTITION
from dtset.operators.reductions import KEYED_REDUCE, REDUCE
from dtset.operators.sources import RANGE, RangeSource
from dtset.operators.unions import UNION
from dtset.plan.nodes import Apply, Exchange, Source, Stored, Zip, topological
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import decode_block, encode_block
from dtset.storage.opening import open_store
from tests.properties import examples


@pytest.fixture(scope="module")
def task_settings():
    store = open_store(f"memory://{uuid.uuid4().hex}")
    store.put("record", b"{}")
    return TaskSettings(
        store=store,
        job_id="job",
        run_id="run",
        batch_size=8,
        codec="none",
        allow_pickle=True,
        attempt=0,
        capture=False,
        record="record",
        action="a",
    )


def numbers(stop, parallelism):
    return Source(operator=RANGE, data=RangeSource(0, stop, 1), parallelism=parallelism)


def applied(operator, function, node):
    return Apply(operator=operator, inputs=(node,), functions=function_of(operator, function))


def exchanged(operator, function, node, parallelism):
    functions = {} if function is None else function_of(operator, function)
    nodes = node if isinstance(node, tuple) else (node,)
    return Exchange(operator=operator, inputs=nodes, parallelism=parallelism, functions=functions)


def lowered(node, task_settings, at_hand=None, partitions=None, threads=2):
    at_hand = at_hand or {}
    objects = {"config": {}}
    for above in topological(node, until=lambda each: each.mark in at_hand):
        if isinstance(above, Source):
            objects[str(above.mark.number)] = above.data
        for role, function in above.functions.items():
            objects[function_key(above, role)] = function.function
    wanted = range(node.parallelism) if partitions is None else partitions
    target = Target([Want(node, BlockOutput(), wanted)], {}, ship(objects), {})
    return lower(
        target,
        at_hand,
        spec_of=lambda above: spec_of(above, "job", "digest"),
        settings=task_settings,
        threads=threads,
        tasks_per_thread=4,
    )


def computed(made):
    """Elements by partition."""
    found = {}
    for result in dask.get(made.graph, [key for key, _ in made.groups[0]]):
        for partition, blocks in result.results.items():
            found[partition] = [x for block in blocks for x in rows_of(decode_block(block))]
    return [found[partition] for partition in sorted(found)]


def stages(made):
    """How many tasks each stage has, by the names on the dashboard."""
    tasks = [key for key, task in made.graph.items() if getattr(task, "func", None) is run_group]
    return Counter(name.rsplit("-a-")[0] for name, _ in tasks)


def test_operators_between_exchanges_are_one_stage(task_settings):
    node = Apply(operator=DIRECT, inputs=(numbers(20, 4),))
    node = applied(FILTER, lambda i: i % 2, applied(MAP, lambda i: i + 1, node))
    made = lowered(node, task_settings)
    assert stages(made) == {"range-_lambda_-_lambda_-block": 4}
    assert computed(made) == [[1, 3, 5], [7, 9], [11, 13, 15], [17, 19]]


def test_many_partitions_are_few_tasks_and_only_those_wanted_are_run(task_settings):
    node = numbers(1000, 1000)
    made = lowered(node, task_settings)
    assert len(made.graph) == 8
    assert computed(made) == [[i] for i in range(1000)]
    assert computed(lowered(node, task_settings, partitions=[3, 999])) == [[3], [999]]


def test_a_reduction_is_a_tree_whose_shape_is_that_of_the_partitions(task_settings):
    def text(a, b):
        return f"({a}{b})"

    for threads in (1, 3):
        partials = applied(MAP, str, numbers(1100, 1100))
        made = lowered(exchanged(REDUCE, text, partials, 1), task_settings, threads=threads)
        ((value,),) = computed(made)
        inner = [[str(i) for i in range(1100) if i * 35 // 1100 == group] for group in range(35)]

        middle = [reduce(text, values) for values in inner]
        top = [[middle[i] for i in range(35) if i * 2 // 35 == group] for group in range(2)]
        assert value == reduce(text, [reduce(text, values) for values in top])


def test_no_task_of_a_tree_reads_all_partials(task_settings):
    made = lowered(exchanged(REDUCE, max, numbers(2000, 2000), 1), task_settings, threads=8)
    assert computed(made) == [[1999]]
    read = {
        key: sum(isinstance(argument, TaskRef) for argument in task.args)
        for key, task in made.graph.items()
        if isinstance(task, Task)
    }
    assert max(read.values()) <= 32


def test_what_several_nodes_read_is_one_stage_of_its_own(task_settings):
    shared = applied(MAP_TO_TUPLE, lambda i: (i % 3, i), numbers(9, 3))
    left = applied(FILTER, lambda pair: pair[1] > 2, shared)
    made = lowered(exchanged(JOIN, None, (left, shared), 2), task_settings)
    assert stages(made)["range-_lambda_-block"] == 3
    pairs = sorted((e.key, e.left, e.right) for part in computed(made) for e in part)
    assert pairs == sorted((i % 3, i, j) for i in range(3, 9) for j in range(9) if i % 3 == j % 3)


def test_blocks_at_hand_are_read_by_those_who_need_them_only(task_settings):
    cached = Stored(durable=False, inputs=(numbers(4, 4),), parallelism=4)
    groups = {f"kept-{index}": range(2 * index, 2 * index + 2) for index in range(2)}
    entries = {
        key: DataNode(key, GroupResult({i: [encode_block(Rows([i]))] for i in group}))
        for key, group in groups.items()
    }
    kept = Cached(list(groups.values()), entries, False, frozenset())
    made = lowered(applied(MAP, lambda i: -i, cached), task_settings, {cached.mark: kept})
    assert computed(made) == [[0], [-1], [-2], [-3]]
    for key, group in made.groups[0]:
        read = [argument.key for argument in made.graph[key].args if isinstance(argument, TaskRef)]
        assert read == [f"kept-{group[0] // 2}"]


def test_side_inputs_are_upstream_of_the_tasks_whose_functions_ask_for_them(task_settings):
    side = Stored(durable=False, inputs=(), parallelism=1, name="limit")
    blocks = BlockInput({0: [encode_block(Rows([7]))]})
    node = applied(MAP, lambda i, ctx: i + ctx.get_input("limit").first(), numbers(3, 2))
    node.sides["limit"] = side
    made = lowered(node, task_settings, {side.mark: blocks})
    assert computed(made) == [[7], [8, 9]]


def test_two_exchanges_of_one_node_do_not_share_tasks(task_settings):
    pairs = applied(MAP_TO_TUPLE, lambda i: (i % 2, i), numbers(6, 2))
    sums = exchanged(KEYED_REDUCE, lambda a, b: a + b, pairs, 2)
    dealt = exchanged(PARTITION, lambda pair: pair[1] % 2, pairs, 2)
    both = Zip(operator=UNION, inputs=(sums, dealt), parallelism=2)
    found = sorted(pair for part in computed(lowered(both, task_settings)) for pair in part)
    assert found == sorted([(0, 6), (1, 9), *((i % 2, i) for i in range(6))])


@settings(deadline=None, max_examples=examples(75))
@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 6), st.integers(1, 4))
def test_every_cut_gives_the_same(stop, parallelism, targets, threads):
    store = open_store(f"memory://{uuid.uuid4().hex}")
    store.put("record", b"{}")
    told = TaskSettings(store, "job", "run", 4, "none", True, 0, False, "record", action="a")
    pairs = applied(MAP_TO_TUPLE, lambda i: (i % 5, i), numbers(stop, parallelism))
    dealt = exchanged(PARTITION, lambda pair: pair[0] % 2, pairs, max(2, targets))
    sums = exchanged(KEYED_REDUCE, lambda a, b: a + b, dealt, targets)
    found = sorted(pair for part in computed(lowered(sums, told, threads=threads)) for pair in part)
    assert found == [(k, sum(range(k, stop, 5))) for k in range(min(5, stop))]


@given(st.integers(1, 50), st.integers(1, 50))
def test_groups_are_contiguous_and_of_about_the_same_size(partitions, groups):
    cut = grouped(range(partitions), groups)
    assert [p for group in cut for p in group] == list(range(partitions))
    assert len(cut) == min(partitions, groups)
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


def test_each_reader_gets_its_share_of_upstream_results():
    assert list(shared("abc", [1, 0, 2])) == ["a", "", "bc"]
