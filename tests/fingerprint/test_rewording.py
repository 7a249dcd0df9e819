"""In what the text of a function differs from an earlier one."""

from __future__ import annotations

import importlib

import pytest

from dtset.fingerprint import fingerprint_tree
from dtset.fingerprint.rewording import reworded
from dtset.fingerprint.sources import SourceText, source_of, sources_of

FUNCTION = '''@deco(1)
def f(x: int, n=2):
    """doc"""
    total = 0
    for i in x:
        total += g(i) * 3
    password = "abc"
    if total > 5 and x:
        return total.real
    return {"a": [1, 2], "token": "zzz"}
'''


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("* 3", "* 4", "line 15: constant 3 → 4"),
        ("* 3", "* '4'", "line 15: constant 3 → '4'"),
        ("g(i) *", "h(i) *", "line 15: name g → h"),
        ("* 3", "+ 3", "line 15: operator * → +"),
        ("> 5", ">= 5", "line 17: operator > → >="),
        ("and", "or", "line 17: operator and → or"),
        (".real", ".imag", "line 18: attribute real → imag"),
        ("n=2", "n=3", "line 11: constant 2 → 3"),
        ("(x: int, n", "(y: int, n", "line 11: name x → y"),
        ("@deco(1)\n", "", "line 10: deco(1) removed"),
        ("    return {", "    print(x)\n    return {", "line 19: print(x) added"),
        ("for i in x", "for i in x.y", "line 14: x → x.y"),
        ("+= g", "-= g", "line 15: operator + → -"),
        ("g(i)", "g(i, k=1)", "line 15: k=1 added"),
        ("g(i) * 3", "g(i) * 3 + 1", "line 15: g(i) * 3 → g(i) * 3 + 1"),
        ("g(i) * 3", "3 * g(i)", "line 15: g(i) * 3 → 3 * g(i)"),
        ("total > 5 and x", "x and total > 5", "line 17: total > 5 and x → x and total > 5"),
        # Nothing that may be a secret is shown.
        ('"abc"', '"abd"', "line 16: constant changed"),
        ("zzz", "zzy", "line 19: constant changed"),
        # None of these counts.
        ("total", "sum_", None),
        ("doc", "dic", None),
        (": int", ": str", None),
        ("    total = 0", "    # a comment\n    total = 0", None),
    ],
)
def test_the_first_change_that_counts_is_said(before, after, said):
    assert before in FUNCTION
    old, new = SourceText(5, FUNCTION), SourceText(10, FUNCTION.replace(before, after))
    assert reworded(old, new) == said


def test_texts_that_do_not_parse_are_no_reason_to_fail():
    assert reworded(SourceText(1, "def f("), SourceText(1, "def f(x): pass")) is None


def test_texts_are_those_that_made_the_functions(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "etl_texts.py"
    file.write_text(
        "def parse(x): return x + 1\n\nclean = [lambda x: parse(x), lambda x: parse(x) + 2]\n"
    )
    module = importlib.import_module("etl_texts")
    tree = fingerprint_tree(module.clean[1], "function clean")
    texts = sources_of(tree)
    assert texts[source_of(tree)] == SourceText(3, "lambda x: parse(x) + 2")
    assert sorted(each.text for each in texts.values()) == [
        "def parse(x): return x + 1\n",
        "lambda x: parse(x) + 2",
    ]
    # The file has been edited since it was imported: its text is no longer that of what runs.
    file.write_text(
        "def parse(x): return x + 99\n\nclean = [lambda x: parse(x), lambda x: parse(x) + 2]\n"
    )
    assert "def parse(x): return x + 1\n" not in [each.text for each in sources_of(tree).values()]
    assert "def parse(x): return x + 99\n" not in [each.text for each in sources_of(tree).values()]


def test_threads_that_parse_at_once_end_no_explanation(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.syspath_prepend(tmp_path)
    trees = []
    for number in range(8):
        body = "\n".join(f"    if x == {n}: return [{n}, (x + {n}) * {n}]" for n in range(300))
        (tmp_path / f"etl_threads_{number}.py").write_text(
            f"def f(x):\n{body}\n    return {number}\n"
        )
        module = importlib.import_module(f"etl_threads_{number}")
        trees.append(fingerprint_tree(module.f, "function f"))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(sources_of, trees))
    assert [len(each) for each in found] == [1] * 8
