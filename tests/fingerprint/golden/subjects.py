"""Functions and values whose digests are kept in `digests.json`: a new digest means stored data are lost."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import operator
import pathlib
import re
import uuid
from abc import ABC, abstractmethod

import numpy as np

from dtset.fingerprint import version

LIMIT = 5
WORDS = {"a": 1, "b": [2, 3]}
PATTERN = re.compile(r"\w+", re.IGNORECASE)
MISSING = object()


def plain(x):
    """A docstring, which does not count."""
    return x + 1


def reads_globals(x):
    return [WORDS.get(word, LIMIT) for word in PATTERN.findall(x)]


def calls_helper(x: str) -> int:
    return sum(reads_globals(x)) if x is not MISSING else plain(0)


def parameters(a, /, b, *c, d=1, e, **f):
    return a, b, c, d, e, f


def branches(x, y):
    while x or (y and not x):
        if x in {"a", "b", "c"}:
            break
        if y > 3 or x < 2 <= y:
            continue
        x -= 1
    else:
        return -y
    return x if x else None


def exceptions(x):
    try:
        with x as opened:
            return opened.read()
    except (ValueError, KeyError) as error:
        raise RuntimeError("no") from error
    except Exception:
        return None
    finally:
        x.close()


def generator(x):
    received = yield x
    yield from (each for each in received if each)


async def coroutine(x):
    async with x as opened:
        return [each async for each in opened]


def nested(x):
    def inner(y: int = LIMIT if LIMIT else 3, *, z=x):
        nonlocal x
        x += y
        return lambda q: (x, y, q, z)

    class Local:
        rate: float = 2.0

        def times(self):
            return x * self.rate

    return inner, Local


def texts(x):
    return f"{x!r:>{LIMIT}} {x.name}" + x.pair % "%s" + rf"\d{x}"


def slices(x):
    x[1:], x[::2] = x[:-1], x[...]
    del x[0]
    return {**WORDS, "k": [*x]}


def patterns(x):
    match x:
        case {"a": [first, *_], **rest}:
            return first, rest
        case decimal.Decimal() | str():
            return x
        case _:
            return None


def recursive(n):
    return 1 if n < 2 else n * mutual(n - 1)


def mutual(n):
    return recursive(n)


@functools.lru_cache(maxsize=8)
def cached(x):
    return plain(x)


@version("2")
def versioned(x):
    return x


def adder(by):
    return lambda x: x + by


@functools.singledispatch
def dispatched(x):
    return x


@dispatched.register
def _(x: int):
    return -x


@dataclasses.dataclass(order=True)
class Rec:
    key: str
    amount: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)

    @property
    def score(self):
        return self.amount * LIMIT


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"

    def lower(self):
        return self.name.lower()


class Base(ABC):
    __slots__ = ("_x",)

    @abstractmethod
    def run(self): ...

    @classmethod
    def make(cls, x):
        return cls(x)

    @staticmethod
    def twice(x):
        return 2 * x


class Derived(Base):
    rate = 3

    def __init__(self, x=1):
        self._x = x
        self.y = [x]

    def run(self):
        return super().make(self._x)

    @functools.cached_property
    def slow(self):
        return self.rate


Point = collections.namedtuple("Point", "x y", defaults=[0])
_cycle: list[object] = [1]
_cycle.append(_cycle)

SUBJECTS: dict[str, object] = {
    **{
        each.__name__: each
        for each in (
            plain, reads_globals, calls_helper, parameters, branches, exceptions, generator, coroutine, nested,
            texts, slices, patterns, recursive, mutual, cached, versioned, dispatched, Rec, Colour, Base, Derived,
            Point,
        )
    },
    "closure": adder(3),
    "lambda": lambda x, *y, k=2: (x, y, k),
    "partial": functools.partial(plain, x=2),
    "bound method": Derived(4).run,
    "instance": Rec("a", 1.5, ["t"]),
    "enum member": Colour.GREEN,
    "itemgetter": operator.itemgetter(1, "a"),
    "builtin": sorted,
    "cycle": _cycle,
    "numbers": [0, -1, 1 << 70, 1.5, -0.0, float("nan"), float("inf"), 2j, True, None, ...],
    "text and bytes": ("", "ü\ud800", b"\x00", bytearray(b"x")),
    "containers": {"l": [1, (2,)], 3: {4, "5"}, None: frozenset({6})},
    "collections": (
        collections.OrderedDict(a=1), collections.Counter("aab"), collections.deque([1], 2),
        collections.defaultdict(list, {1: [2]}), Point(1),
    ),
    "many instances": [Point(number) for number in range(40)],
    "dates": (
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.UTC), datetime.date(2020, 1, 2),
        datetime.timedelta(1, 2, 3),
    ),
    "odd values": (
        decimal.Decimal("1.10"), fractions.Fraction(1, 3), uuid.UUID(int=7), range(1, 9, 2), slice(1, None, 2),
        pathlib.PurePosixPath("a/b"), PATTERN,
    ),
}  # fmt: skip
# Arrays only: what reaches into NumPy has another digest for every release of it.
ARRAYS: dict[str, object] = {
    "array": np.arange(12, dtype="i4").reshape(3, 4)[:, ::2],
    "empty array": np.zeros((0, 2), "f8"),
    "object array": np.array(["a", None, 1], dtype=object),
    "structured array": np.zeros(2, [("a", "<i4"), ("b", ">f8")]),
    "text array": np.array(["ab", "c"]),
    "date array": np.array(["2020-01-02"], "M8[D]"),
    "scalar": np.float32(1.5),
    "dtype": np.dtype("<u2"),
}
SUBJECTS |= ARRAYS
