"""What pickles and does not unpickle is refused where it is made: it could be stored, and never be read."""

from __future__ import annotations

import operator
import threading
from collections import namedtuple

import pytest

from dtset import TSetEnvironment, UsageError

Misnamed = namedtuple("Wrong", "x")


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a}{b}")


class BrokenState:
    def __init__(self):
        self.x = 1

    def __setstate__(self, state):
        raise ValueError("cannot be set")


class GoneReduce:
    def __reduce__(self):
        return "NOT_THERE"


class GoneMaker:
    def __reduce__(self):
        return getattr, (BrokenState, "not_there")


MADE = {
    "an exception": lambda: TwoArguments("a", "b"),
    "a broken state": BrokenState,
    "a name that is not there": GoneReduce,
    "a maker that is not there": GoneMaker,
    "a class under another name": lambda: Misnamed(1),
    "inside of containers": lambda: {"a": [(1, TwoArguments("a", "b"))]},
}


@pytest.fixture(params=MADE.values(), ids=MADE)
def make(request):
    return request.param


def refused(action, operator_name, make):
    kind = type(make()).__qualname__
    with pytest.raises(
        (UsageError, TypeError), match=f"type .*{kind}.* cannot be stored.*pickle"
    ) as caught:
        action()
    if operator_name:
        assert f"raised in {operator_name}" in str(caught.value.__notes__)
        assert "partition 1" in str(caught.value.__notes__)


ACTIONS = {
    "persist": lambda t: t.persist("p"),
    "cache": lambda t: t.cache(),
    "collect": lambda t: t.collect(),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_elements_that_cannot_be_read_back_are_refused(env, make, action):
    def made(i):
        return make() if i == 3 else i

    refused(lambda: action(env.range(4).map(made)), "map made, ", make)


def test_no_partition_of_such_elements_is_committed(store):
    def made(i):
        return TwoArguments("a", "b") if fails and i == 3 else i

    for fails in (True, False):
        with TSetEnvironment(
            store=store, job_id="job", cluster="synchronous", parallelism=2
        ) as env:
            if fails:
                with pytest.raises(UsageError, match="TwoArguments"):
                    env.range(4).map(made).persist("p")
            else:
                assert env.range(4).map(made).persist("p").collect() == [0, 1, 2, 3]


def test_values_that_are_exchanged_are_refused(env, make):
    def pair(i):
        return (i, make() if i == 3 else i)

    def chosen(a, b):
        return b

    pairs = env.range(4).map_to_tuple(pair)
    if make() != Misnamed(1):
        with pytest.raises(UsageError, match="cannot be stored"):
            pairs.keyed_reduce(chosen).count()
        with pytest.raises(UsageError, match="cannot be stored"):
            env.range(4).map(pair).reduce(chosen).collect()
    else:
        # Between workers, it is found by more than its name.
        assert pairs.keyed_reduce(chosen).count() == 4


def test_sequences_of_the_drivers_are_refused(env, make):
    with pytest.raises(UsageError, match="cannot be stored"):
        env.parallelize([1, 2, 3, make()])


def test_variables_are_refused_by_name(env, make):
    env.init_variable("good", 1)
    env.init_variable("bad", 2)
    env.update_variable("bad", make())
    with pytest.raises(UsageError, match=r"variable 'bad' cannot be committed: .*cannot be stored"):
        env.commit()
    env.update_variable("bad", threading.Lock())
    with pytest.raises(UsageError, match=r"variable 'bad' .*lock"):
        env.commit()
    env.update_variable("bad", 3)
    env.commit()


def test_what_can_be_read_back_is_still_taken(env):
    class_like = [
        ValueError("x"),
        KeyError("k"),
        {"a": {1, 2}},
        operator.add,
        len,
        int,
        frozenset([1]),
    ]
    assert list(map(repr, env.parallelize(class_like).map(lambda x: x).collect())) == list(
        map(repr, class_like)
    )
