"""Errors of user functions in the driver: as they were raised, whatever they are and wherever they ran."""

from __future__ import annotations

import asyncio
import builtins
import io
import operator
import re
import threading
import traceback

import pytest

from dtset import SourceFunc, TSetEnvironment, UsageError
from dtset.execution.forwarding.failures import packed
from dtset.operators.kernels.failure import text_of
from dtset.sources import Sources
from dtset.storage.pickling import present_class
from tests.execution.library_errors import RAISERS


@pytest.fixture(scope="module")
def environments(tmp_path_factory, local_cluster):
    made = {
        name: TSetEnvironment(
            store=str(tmp_path_factory.mktemp("store")),
            cluster=scheduler,
            parallelism=1,
            checkpointing=False,
        )
        for name, scheduler in (
            ("synchronous", "synchronous"),
            ("threads", "threads"),
            ("workers", local_cluster),
        )
    }
    yield made
    for env in made.values():
        env.close()


SCHEDULERS = ["synchronous", "threads", "workers"]


def raised(call):
    """What a call raises."""
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def without_addresses(text):
    return re.sub(r"0x[0-9a-f]+", "", text)


def printed(error):
    """What is printed of an uncaught error, by both printers of the interpreter."""
    file = io.StringIO()
    traceback.print_exception(error, file=file)
    assert "lost" not in file.getvalue()
    return file.getvalue()


def assert_like(found, expected):
    assert type(found) is type(expected)
    assert without_addresses(text_of(found)) == without_addresses(text_of(expected))
    assert len(found.args) == len(expected.args)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", RAISERS)
def test_errors_of_libraries_arrive_as_they_are(environments, scheduler, name):
    function = RAISERS[name]
    expected = raised(function)

    def fetch(x):
        try:
            function()
        except Exception as error:
            raise ValueError("page 0") from error

    env = environments[scheduler]
    found = raised(env.range(1).map(lambda x: function()).collect)
    assert_like(found, expected)
    said = printed(found)
    assert f"in {name}" in said
    assert "dtset: raised in map" in said

    wrapped = raised(env.range(1).map(fetch).collect)
    assert (type(wrapped), str(wrapped)) == (ValueError, "page 0")
    assert_like(wrapped.__cause__, expected)
    assert f"in {name}" in printed(wrapped)


class Own(BaseException):
    pass


class Outer(Exception):
    def __init__(self, code, where):
        super().__init__(f"{code} at {where}")
        self.code = code


ENDINGS = [
    (GeneratorExit, "a"),
    (Own, "a"),
    (asyncio.CancelledError, "late"),
    (KeyboardInterrupt, "a"),
    (SystemExit, 3),
    (StopAsyncIteration, "a"),
    (Outer, 7, "x"),
]


def raise_(error):
    kind, *arguments = error
    raise kind(*arguments)


class Source(SourceFunc):
    """Raises in one of its methods."""

    def __init__(self, method, error):
        self.method, self.error, self.left = method, error, 2

    def said(self, method):
        if method == self.method:
            raise_(self.error)

    def prepare(self, ctx):
        self.said("prepare")

    def has_next(self):
        self.said("has_next")
        return self.left > 0

    def next(self):
        self.said("next")
        self.left -= 1
        return self.left

    def close(self):
        self.said("close")


class Unreadable:
    def __init__(self, error):
        self.error = error

    def __setstate__(self, state):
        raise_(state["error"])


class Unwritable(Unreadable):
    def __reduce__(self):
        raise_(self.error)


def forms(error):
    """Actions that raise an error from every kind of function."""

    def fail(*arguments):
        raise_(error)

    def generator(*arguments):
        yield 1
        raise_(error)

    def pull(itr, ctx):
        raise_(error)

    def push(itr, collector, ctx):
        collector.collect(1)
        raise_(error)

    class Iterable:
        def __iter__(self):
            raise_(error)

    class Iterator:
        def __iter__(self):
            return self

        def __next__(self):
            raise_(error)

    return {
        "map": lambda t: t.map(lambda x: fail()).collect(),
        "filter": lambda t: t.filter(lambda x: fail()).count(),
        "flat_map": lambda t: t.flat_map(lambda x: fail()).collect(),
        "flat_map of a generator": lambda t: t.flat_map(lambda x: generator()).collect(),
        "flat_map with a collector": lambda t: t.flat_map(lambda x, c: fail()).collect(),
        "__iter__": lambda t: t.flat_map(lambda x: Iterable()).collect(),
        "__next__": lambda t: t.flat_map(lambda x: Iterator()).collect(),
        "pull": lambda t: t.compute(pull).collect(),
        "generator": lambda t: t.compute(lambda itr, ctx: generator()).collect(),
        "push": lambda t: t.compute(push).collect(),
        "push, taken": lambda t: t.compute(push).map(lambda x: fail()).take(1),
        "map_to_tuple": lambda t: t.map_to_tuple(lambda x: fail()).collect(),
        "reduce": lambda t: t.reduce(lambda a, b: fail()).collect(),
        "keyed_reduce": lambda t: (
            t.map_to_tuple(lambda x: (1, x)).keyed_reduce(lambda a, b: fail()).collect()
        ),
        "for_each": lambda t: t.for_each(lambda x: fail()),
        "sink": lambda t: t.sink(lambda itr: fail()),
        "cache": lambda t: t.map(lambda x: fail()).cache(),
        "persist": lambda t: t.map(lambda x: fail()).persist(),
        "source": lambda t: sourced(t, generator).collect(),
        **{
            f"source's {method}": lambda t, method=method: sourced(
                t, Source(method, error)
            ).collect()
            for method in ("prepare", "has_next", "next", "close")
        },
    }


def sourced(tset, source):
    """A source in the session of another TSet."""
    sources = Sources()
    sources._session = tset._session
    return sources.create_source(source, 1)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("form", forms(None))
def test_whatever_is_raised_arrives_as_itself_from_every_form(environments, scheduler, form):
    env = environments[scheduler]
    for made in ENDINGS if scheduler != "workers" else ENDINGS[:3]:
        error = made[0](*made[1:])
        found = raised(lambda made=made: forms(made)[form](env.range(2)))
        assert (type(found), found.args, str(found)) == (type(error), error.args, str(error))
        assert any("dtset: raised in" in note for note in found.__notes__)
    assert env.range(2).count() == 2


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_what_storing_and_reading_elements_raises_arrives_as_itself(environments, scheduler):
    for made in (ENDINGS[1], ENDINGS[2], ENDINGS[-1]):
        error = made[0](*made[1:])
        pairs = environments[scheduler].range(2).map_to_tuple(lambda x: (0, x))

        def read(x, error=made):
            return Unreadable(error)

        def write(x, error=made):
            return Unwritable(error)

        for element in (read, write):
            found = raised(pairs.map(element).collect)
            if element is read and isinstance(error, Exception):
                # What cannot be read back is refused when it is written.
                assert isinstance(found, UsageError)
                found = found.__cause__
            assert (type(found), str(found)) == (type(error), str(error))


def test_a_stop_iteration_ends_no_partition_early(environments):
    def stop(x):
        raise StopIteration("a")

    found = raised(environments["synchronous"].range(2).map(stop).collect)
    assert (type(found), type(found.__cause__)) == (RuntimeError, StopIteration)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_causes_contexts_members_and_notes_arrive_with_their_tracebacks(environments, scheduler):
    def inner():
        raise KeyError("first")

    def middle():
        try:
            inner()
        except KeyError:
            raise OSError(2, "second", "file") from None

    def outer(x):
        try:
            middle()
        except OSError as error:
            error.add_note("mine")
            try:
                raise Outer(1, "third") from error
            except Outer as third:
                raise ExceptionGroup("fourth", [third, BlockingIOError(11, "fifth")])  # noqa: B904

    found = raised(environments[scheduler].range(1).map(outer).collect)
    third = found.__context__
    assert found.exceptions[0] is third
    assert third.code == 1
    second = third.__cause__
    assert (second.errno, second.filename, second.__notes__) == (2, "file", ["mine"])
    assert (second.__suppress_context__, type(second.__context__)) == (True, KeyError)
    for error, name in ((found, "outer"), (third, "outer"), (second, "middle")):
        assert f"in {name}" in "".join(traceback.format_tb(error.__traceback__))
    said = printed(found)
    assert "first" not in said
    assert all(word in said for word in ("second", "mine", "third", "fourth", "fifth"))


class Unsayable(Exception):
    def __str__(self):
        raise ZeroDivisionError


class Locked(LookupError):
    """Says what it says only while it holds what cannot be sent."""

    def __init__(self, lock):
        self.lock = lock

    def __str__(self):
        return f"waited for a {type(self.lock).__name__}"


class Unprintable(OSError):
    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return getattr(self.__dict__["file"], name)


class OwnGroup(ExceptionGroup):
    def __new__(cls, message, errors, code=0):
        made = super().__new__(cls, message, errors)
        made.code = code
        return made

    def __init__(self, message, errors, code=0):
        super().__init__(message, errors)


def local(text):
    class Local(ValueError):
        pass

    return Local(text)


MADE = {
    "unsayable": (lambda: Unsayable("a"), Unsayable),
    "locked": (lambda: Locked(threading.Lock()), Locked),
    "unprintable": (lambda: Unprintable(io.StringIO("a")), OSError),
    "of a class without a name": (lambda: local("nearest"), ValueError),
    "group": (lambda: OwnGroup("g", [KeyError("a")], code=3), OwnGroup),
    "group of locked ones": (
        lambda: ExceptionGroup("g", [Locked(threading.Lock())]),
        ExceptionGroup,
    ),
    "held in itself": (lambda: (error := Outer(1, "x"), setattr(error, "me", error))[0], Outer),
    "large": (lambda: ValueError("x" * 10**6), ValueError),
    "of a text that cannot be encoded": (lambda: ValueError("\udc80"), ValueError),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", MADE)
def test_what_cannot_be_made_again_is_stood_for(environments, scheduler, name):
    make, catchable = MADE[name]

    def fail(x):
        raise make()

    expected = make()
    found = raised(environments[scheduler].range(1).map(fail).collect)
    assert isinstance(found, catchable)
    assert type(found).__name__ == type(expected).__name__
    assert text_of(found) == text_of(expected)
    assert f"map {fail.__qualname__.rpartition('.')[2]}" in printed(found)
    assert getattr(found, "code", None) == getattr(expected, "code", None)


def test_long_chains_and_deep_tracebacks_are_cut():
    def fail(depth):
        try:
            raise ValueError(str(depth))
        except ValueError:
            if depth:
                fail(depth - 1)
            raise

    failure = packed(raised(lambda: fail(200)), present_class)
    assert len("".join(traceback.format_exception(failure.unpack()))) < 10**6


def test_what_the_driver_cannot_make_is_stood_for():
    def elsewhere(module, qualname):
        return Outer if qualname == "Outer" else present_class(module, qualname)

    error = Outer(7, "x")
    failure = packed(error, elsewhere)
    before, globals()["Outer"] = Outer, None
    try:
        found = failure.unpack()
    finally:
        globals()["Outer"] = before
    assert (type(found).__name__, str(found)) == ("Outer", "7 at x")
    assert "not made again in the driver" in found.__notes__[0]


def test_reductions_of_a_failure_are_the_same_elsewhere():
    import pickle

    error = raised(lambda: operator.truediv(1, 0))
    failure = pickle.loads(pickle.dumps(packed(error, present_class)))
    assert "truediv" in printed(failure.unpack())
    assert str(failure) == "ZeroDivisionError: division by zero"
    assert builtins.isinstance(failure.unpack(), ZeroDivisionError)
