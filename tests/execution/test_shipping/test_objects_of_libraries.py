"""Whatever a function holds has a fingerprint and travels, or there is an error of dtset's that says where it is."""

from __future__ import annotations

import argparse
import codecs
import contextvars
import ctypes
import decimal
import functools
import itertools
import logging
import mmap
import random
import re
import socket
import sqlite3
import ssl
import threading
import types
import weakref
import zoneinfo
from collections.abc import Callable
from typing import Any

import attrs
import boto3
import jinja2
import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pydantic
import pytest

from dtset.errors import DTSetError, FingerprintError
from dtset.execution.shipping import receive, ship
from dtset.fingerprint import fingerprint


class Model(pydantic.BaseModel):
    a: int = 1


@attrs.define
class Attrs:
    a: int = 1


class LyingClass:
    @property
    def __class__(self) -> Any:
        raise TypeError("no class")


class BadReduce:
    def __reduce__(self) -> Any:
        return 5


class BadGetattr:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


class NeedsTwo(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one)


class Recursive:
    def __getattr__(self, name: str) -> Any:
        return getattr(self.held, name)

    def __reduce__(self) -> Any:
        return object.__new__, (Recursive,), {"held": 1}

    def __setstate__(self, state: Any) -> None:
        raise RecursionError("of its own")


def _deep() -> list[Any]:
    made: list[Any] = []
    for _ in range(3000):
        made = [made]
    return made


def _generator() -> Any:
    yield 1


@numba.njit
def compiled(x):
    return x + 1


OBJECTS: dict[str, Callable[[], Any]] = {
    "jinja2 template": lambda: jinja2.Template("a {{ x }}"),
    "jinja2 environment": lambda: jinja2.Environment(),
    "jinja2 loaded": lambda: jinja2.Environment(loader=jinja2.DictLoader({"a": "b"})).get_template("a"),
    "pandas flags": lambda: pd.Series([1]).flags,
    "pandas groups": lambda: pd.DataFrame({"a": [1, 1]}).groupby("a"),
    "pandas str": lambda: pd.Series(["a"]).str,
    "Arrow options": lambda: pc.CountOptions(),
    "Arrow pool": lambda: pa.default_memory_pool(),
    "Arrow function": lambda: pc.get_function("sum"),
    "finfo": lambda: np.finfo(float),
    "flatiter": lambda: np.arange(3).flat,
    "frompyfunc": lambda: np.frompyfunc(abs, 1, 1),
    "validator": lambda: Model.__pydantic_validator__,
    "pydantic field": lambda: Model.model_fields["a"],
    "attrs fields": lambda: attrs.fields(Attrs),
    "numba function": lambda: compiled,
    "numba list": lambda: numba.typed.List([1, 2]),
    "client": lambda: boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b"),
    "client's exceptions": lambda: boto3.client("s3", "us-east-1").exceptions,
    "pattern": lambda: re.compile("a"),
    "match": lambda: re.match("a", "a"),
    "context": lambda: decimal.Context(5),
    "zone": lambda: zoneinfo.ZoneInfo("Europe/Berlin"),
    "lock": threading.Lock,
    "local": threading.local,
    "thread": threading.Thread,
    "socket": socket.socket,
    "generator": _generator,
    "iterator": lambda: iter([1]),
    "count": itertools.count,
    "view": lambda: memoryview(b"abc"),
    "reference": lambda: weakref.ref(Model),
    "proxy": lambda: weakref.proxy(Model),
    "weak values": weakref.WeakValueDictionary,
    "frame": lambda: __import__("sys")._getframe(),
    "cell": lambda: types.CellType(),
    "mapping proxy": lambda: types.MappingProxyType({"a": 1}),
    "class method of C": lambda: dict.__dict__["fromkeys"],
    "descriptor of C": lambda: types.FunctionType.__dict__["__code__"],
    "super": lambda: super(Model, Model()),
    "context variable": lambda: contextvars.ContextVar("a"),
    "codec": lambda: codecs.lookup("utf8"),
    "ctypes": lambda: ctypes.c_int(5),
    "ctypes array": lambda: (ctypes.c_int * 3)(1, 2, 3),
    "pointer": lambda: ctypes.pointer(ctypes.c_int(1)),
    "mmap": lambda: mmap.mmap(-1, 10),
    "random": lambda: random.Random(1),
    "system random": random.SystemRandom,
    "sqlite": lambda: sqlite3.connect(":memory:"),
    "ssl": ssl.create_default_context,
    "parser": argparse.ArgumentParser,
    "handler": logging.StreamHandler,
    "key": lambda: functools.cmp_to_key(lambda a, b: a - b)(1),
    "deep": _deep,
    "lying class": LyingClass,
    "bad reduce": BadReduce,
    "bad getattr": BadGetattr,
    "bad exception": lambda: NeedsTwo(1, 2),
    "recursive": Recursive,
    "class of ABC": lambda: Model,
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.filterwarnings("ignore")
def test_an_object_travels_or_there_is_an_error_that_names_the_way_to_it(name: str) -> None:
    held = OBJECTS[name]()
    errors: list[DTSetError] = []
    for attempt in (
        lambda: fingerprint(lambda: held),
        lambda: fingerprint({"a": [held]}),
        lambda: receive(ship({"operator": lambda: held})).objects["operator"](),
    ):
        try:
            attempt()
        except DTSetError as error:
            errors.append(error)
    assert all(type(error) is FingerprintError and "→" in str(error) for error in errors)


TEMPLATE = jinja2.Template("a {{ x }}")


def test_what_cannot_be_put_together_again_is_named() -> None:
    with pytest.raises(
        FingerprintError, match=r"global .*\.TEMPLATE was packed, but .*missing 1 required"
    ):
        receive(ship({"operator": lambda x: TEMPLATE.render(x=x)}))
