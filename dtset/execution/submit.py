"""What an action wants: packed with the user's code as it is now, lowered, computed, and submitted again where it was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any, Protocol, TypeVar

from dtset.checkpoint.explain import Missed
from dtset.checkpoint.layout import run_path
from dtset.errors import DTSetError
from dtset.exchange.deal import DealChangedError, common_deal
from dtset.execution.at_hand import AtHand, Cached, Persisted
from dtset.execution.code import sent
from dtset.execution.data.graph_source import GraphSource
from dtset.execution.data.inline import SequenceSource, inlined
from dtset.execution.exchange.stretches import forget_exchanges
from dtset.execution.forwarding.failures import TaskFailedError
from dtset.execution.forwarding.logs import driver_logging
from dtset.execution.inputs import BlockInput, LoadInput
from dtset.execution.lower import Given, Lowered, Target, Want, lower
from dtset.execution.resolve import Index, Resolved
from dtset.execution.schedulers.scheduler import Scheduler, WorkersLostError
from dtset.execution.schedulers.waiting import SchedulerLostError, WorkersGoneError
from dtset.execution.shipping import ship
from dtset.execution.specs import function_key, spec_of
from dtset.execution.stage import ExpectedFiles, GroupResult, TaskSettings
from dtset.fingerprint.graph import reached_distributions
from dtset.operators.call import CallSpec
from dtset.plan.nodes import Mark, Node, Source, Stored, topological
from dtset.plan.user_function import is_async

_T = TypeVar("_T")


@dataclass(frozen=True)
class Resubmission:
    """How often what was lost is submitted again."""

    most: int
    restarting: str

    def submitted(self, submit: Callable[[int], _T]) -> _T:
        """Submit, and submit again what was lost with its workers, given the number of the attempt.

        What was committed in between is not computed again: tasks look for their partitions' records.
        """
        for attempt in count():
            try:
                return submit(attempt)
            except TaskFailedError as failure:
                error = failure.unpack()
                break
            except SchedulerLostError as lost:
                raise DTSetError(
                    f"the Dask scheduler does not answer any more: {lost}. {self.restarting}"
                ) from lost
            except WorkersGoneError as gone:
                raise DTSetError(f"{gone}. {self.restarting}") from gone
            except DealChangedError as changed:
                if attempt >= self.most:
                    raise DTSetError(
                        f"what is above an exchange gave something else each time it ran again: {changed}. Persist or "
                        "cache it above the exchange, or make it depend on nothing but its input and ctx.random"
                    ) from changed
            except WorkersLostError as lost:
                if attempt >= self.most:
                    raise DTSetError(
                        f"tasks were lost with their workers {attempt + 1} times: {lost}. "
                        "The cause is often too little memory for a partition; the logs of the workers say more. "
                        f"{self.restarting}"
                    ) from lost
        # Raised here, it keeps the cause that it had.
        raise error


@dataclass(frozen=True, eq=False)
class RunContext:
    """What a run is carried out with.

    `on_miss` is told of each persist before it is computed, and says why; `on_persist` what became of it, and in how
    many seconds; `check_writable` raises StoreError if nothing can be written; `on_coroutines` is told of functions that
    are awaited.
    """

    index: Index
    settings: TaskSettings
    scheduler: Callable[[], Scheduler]
    tasks_per_thread: int
    resubmission: Resubmission
    on_miss: Callable[[Missed], str]
    on_persist: Callable[[Persisted, float], None]
    check_writable: Callable[[], None]
    on_coroutines: Callable[[], None]
    is_alone: Callable[[], bool] = lambda: True
    keep_versions: int | None = None
    at_hand: AtHand = field(default_factory=AtHand)
    actions: Iterator[int] = field(default_factory=count, repr=False)


class Submit(Protocol):
    """Submits what is packed, and again what was lost: `carry_out` is given the number of the attempt."""

    def __call__(self, target: Target, carry_out: Callable[[Target, int], _T]) -> _T:
        """Return what it gave."""


def packed(
    run: RunContext, resolved: Resolved, *wants: Want, functions: Mapping[str, object] | None = None
) -> Target:
    """What is wanted, with the user's code as it is now: what is submitted again is the same."""
    at_hand = run.at_hand
    needed = topological(*(want.node for want in wants), until=at_hand.has)
    where: dict[Mark, Given] = {}
    objects: dict[str, object] = {"config": dict(run.index.config), **(functions or {})}
    for each in needed:
        if each.mark in at_hand.persisted:
            where[each.mark] = at_hand.persisted[each.mark].input
        elif isinstance(each, Source) and isinstance(each.data, SequenceSource):
            where[each.mark] = _brought(run, each, each.data)
        elif isinstance(each, Source) and isinstance(each.data, GraphSource):
            where[each.mark] = each.data
        else:
            if isinstance(each, Source) and each.data is not None:
                objects[str(each.mark.number)] = each.data
            for role, function in each.functions.items():
                objects[function_key(each, role)] = function.function
    if any(callable(each) and is_async(each) for each in objects.values()):
        run.on_coroutines()
    trees = resolved.trees_of(needed)
    shipped = ship(objects, sorted(at_hand.classes), reached_distributions(trees.values()))
    files = tuple(
        ExpectedFiles(each.files, found)
        for each in needed
        if not isinstance(each, Stored) and each.files is not None and each.mark in trees
        for found in trees[each.mark].children
        if found.name == "files"
    )
    chains = {mark: tree.chain for mark, tree in trees.items()}
    return Target(wants, where, sent(shipped, run.settings), chains, files)


def _brought(run: RunContext, node: Source, data: SequenceSource) -> BlockInput | LoadInput:
    known = run.at_hand.sequences.get(node.mark)
    if known is None:
        settings = run.settings
        path = run_path(settings.job_id, settings.run_id, f"sources/{node.mark.number}")
        known = inlined(data, settings, path)
        run.at_hand.bring(node, known)
        run.at_hand.classes.update(data.classes)
    return known


def lowered(run: RunContext, target: Target, attempt: int) -> Lowered:
    """Lower a target whose persists and caches are at hand."""
    scheduler = run.scheduler()
    cached: dict[Mark, Cached] = {
        node.mark: run.at_hand.cached[node.mark]
        for node in topological(*(want.node for want in target.wants), until=run.at_hand.has)
        if node.mark in run.at_hand.cached
    }
    settings = replace(
        run.settings,
        attempt=attempt,
        capture=scheduler.concurrent,
        logging=driver_logging(),
        action=f"{run.settings.run_id[-8:]}-{next(run.actions)}",
    )

    def spec(node: Node) -> CallSpec[Any]:
        chain = target.chains.get(node.mark, str(node.mark.origin))
        return spec_of(node, settings.job_id, chain)

    return lower(
        target,
        {**target.resolved, **cached},
        spec_of=spec,
        settings=settings,
        threads=scheduler.threads(),
        tasks_per_thread=run.tasks_per_thread,
    )


def computed(run: RunContext, target: Target, attempt: int) -> list[dict[int, Any]]:
    """Compute partitions, once: for each want, what its output gave for each."""
    made = lowered(run, target, attempt)
    keys = [key for groups in made.groups for key, _ in groups]
    try:
        returned: Iterator[GroupResult] = iter(run.scheduler().compute(made.graph, keys))
    finally:
        if made.has_exchange:
            forget_exchanges(made.settings)
    found = []
    for groups in made.groups:
        results = list(islice(returned, len(groups)))
        common_deal(result.deal for result in results)
        found.append({key: value for each in results for key, value in each.results.items()})
    return found
