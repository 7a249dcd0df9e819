"""Functions and classes held in data: a load gives the present program's, and a change of their code is a miss."""

from __future__ import annotations

import pytest

from dtset import TSetEnvironment, UsageError
from tests.programs import Program

PROGRAM = """
    import functools
    from dtset import TSetEnvironment
    FACTOR = {factor}
    def half(x): return x / 2 * FACTOR
    @functools.cache
    def third(x): return x / 3
    def deco(f):
        @functools.wraps(f)
        def inner(*args): return f(*args) + 1
        return inner
    @deco
    def quarter(x): return x / 4
    @functools.singledispatch
    def kind(x): return "any"
    class Rec:
        @staticmethod
        def double(x): return 2 * x
        def score(self): return {score}
    TABLE = {{
        "half": half, "third": third, "quarter": quarter, "double": Rec.double, "score": Rec().score, "Rec": Rec,
        "part": functools.partial(half), "kind": kind,
    }}
    with TSetEnvironment(cluster={cluster!r}, parallelism=2) as env:
        table = env.range(2).map(lambda i: TABLE).persist("table")
        used = table.map(lambda t: [t[n](12) for n in t if n not in ("Rec", "score")] + [t["score"](), t["Rec"]().score()])
        print(table.hit, used.persist("used").collect()[0])
        got = table.collect()[0]
        assert all(got[n] is TABLE[n] for n in ("half", "third", "quarter", "double", "Rec", "kind"))
"""


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_held_functions_are_the_present_programs_and_a_change_is_a_miss(tmp_path, cluster):
    program = Program(tmp_path)
    said = []
    for factor, score in ((1, 7), (1, 7), (2, 7), (2, 8)):
        program.write(PROGRAM.format(factor=factor, score=score, cluster=cluster))
        said.append(program.run().strip())
    assert said == [
        "False [6.0, 4.0, 4.0, 24, 6.0, 'any', 7, 7]",
        "True [6.0, 4.0, 4.0, 24, 6.0, 'any', 7, 7]",
        "False [12.0, 4.0, 4.0, 24, 12.0, 'any', 7, 7]",
        "False [12.0, 4.0, 4.0, 24, 12.0, 'any', 8, 8]",
    ]


PRODUCER = """
    from dtset import TSetEnvironment
    def half(x): return {body}
    TABLE = {{"half": half}}
    NAME = "half"
    with TSetEnvironment(cluster="synchronous", parallelism=1) as env:
        # Only the data say that they hold it.
        table = env.range(1).map(lambda i: globals()["TABLE"] if NAME else None)
        print(table.persist("table").map(lambda t: t["half"](4)).persist("used").collect())
"""


def test_what_is_below_a_held_function_is_never_stale(tmp_path):
    program = Program(tmp_path)
    for body, said in (("x / 2", "[2.0]"), ("x / 4", "[1.0]"), ("x / 2", "[2.0]")):
        program.write(PRODUCER.format(body=body))
        assert program.run().strip() == said


def _named_half():
    def half(x):
        return x

    half.__qualname__ = "half"
    return half


def half(x):
    return x / 2


OTHER = _named_half()


def test_a_function_whose_name_stands_for_another_is_refused(store):
    with TSetEnvironment(store=store, cluster="synchronous") as env:
        assert env.range(1).map(lambda i: {"f": half}).collect() == [{"f": half}]
        with pytest.raises(UsageError, match="half, but that name stands for another"):
            env.range(1).map(lambda i: {"f": OTHER}).collect()
        with pytest.raises(UsageError, match="define it at module level"):
            env.range(1).map(lambda i: {"f": lambda: i}).collect()
