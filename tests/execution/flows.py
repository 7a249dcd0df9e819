"""Small plans, and a run of them over a memory store, without an environment."""

from __future__ import annotations

import time
import uuid

import dask

from dtset.checkpoint.job import Job, open_job
from dtset.execution.outputs import BlockOutput
from dtset.execution.resolve import Index
from dtset.execution.run import Run
from dtset.execution.schedulers.scheduler import LocalScheduler
from dtset.execution.stage import TaskSettings
from dtset.execution.submit import Resubmission, RunContext
from dtset.operators.elementwise import MAP, MAP_TO_TUPLE
from dtset.operators.operator import function_of
from dtset.operators.reductions import KEYED_REDUCE
from dtset.operators.sources import RANGE, RangeSource
from dtset.plan.nodes import Apply, Exchange, Source, Stored
from dtset.storage.batch import rows_of
from dtset.storage.blocks import decode_block
from dtset.storage.opening import open_store
from dtset.testing import FaultyStore


class CountingStore(FaultyStore):
    """A store that notes what is read of it, apart from what is changed."""

    def __init__(self, store):
        super().__init__(store, then="alive")
        self.reads = []

    def _check_alive(self, call):
        if call.startswith(("get ", "list ")):
            self.reads.append(call)


def made_store():
    return CountingStore(open_store(f"memory://{uuid.uuid4().hex}"))


def made_run(store, *, checkpointing=True, ignore=(), resubmissions=2, scheduler=None):
    """A run of one job; what it tells is noted as `told`."""
    open_job(store, Job(job_id="job", name="job", parallelism=2, created=time.time(), versions={}))
    run_id = uuid.uuid4().hex
    settings = TaskSettings(
        store=store,
        job_id="job",
        run_id=run_id,
        batch_size=8,
        codec="none",
        allow_pickle=True,
        attempt=0,
        capture=False,
        record="job/job.json",
    )
    told = []

    def on_miss(missed):
        told.append(("miss", missed.name, missed.found))
        return "why"

    context = RunContext(
        index=Index(store, "job", {}, ignore, checkpointing),
        settings=settings,
        scheduler=lambda: scheduler or LocalScheduler("synchronous", dask.get),
        tasks_per_thread=2,
        resubmission=Resubmission(resubmissions, "restart it"),
        on_miss=on_miss,
        on_persist=lambda done, _: told.append(("persist", done.manifest.name, done.hit)),
        check_writable=lambda: told.append("writable"),
        on_coroutines=lambda: None,
    )
    run = Run(context)
    return run, told


def elements(run, node):
    """The elements of each partition."""
    results = run.evaluate(node, BlockOutput())
    return [
        [element for block in results[number] for element in rows_of(decode_block(block))]
        for number in sorted(results)
    ]


def numbers(stop=4, parallelism=2):
    return Source(operator=RANGE, data=RangeSource(0, stop, 1), parallelism=parallelism)


def mapped(function, node, operator=MAP):
    return Apply(operator=operator, inputs=(node,), functions=function_of(operator, function))


def paired(node):
    return mapped(lambda x: (x % 3, x), node, MAP_TO_TUPLE)


def keyed(function, node):
    functions = function_of(KEYED_REDUCE, function)
    return Exchange(operator=KEYED_REDUCE, inputs=(node,), parallelism=2, functions=functions)


def persisted(node, name, **more):
    return Stored(durable=True, inputs=(node,), parallelism=node.parallelism, name=name, **more)


def cached(node):
    return Stored(durable=False, inputs=(node,), parallelism=node.parallelism)
