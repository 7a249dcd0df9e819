"""Nothing that has a secret's name is said, nor kept in a lineage as a value."""

from __future__ import annotations

import json
import sys
import types

import pytest

from dtset.checkpoint.explain import Lineage, difference_said
from dtset.fingerprint import fingerprint_tree
from dtset.fingerprint.difference import below_secrets
from dtset.fingerprint.sources import sources_of
from dtset.fingerprint.tree import from_json, to_json

CASES = {
    "nt": 'from typing import NamedTuple\nclass L(NamedTuple):\n    user: str\n    password: str\nV=L("bob","SECRET")\ndef f(x): return V',
    "dc": 'from dataclasses import dataclass\n@dataclass(frozen=True, slots=True)\nclass C:\n    user: str\n    token: str\nV=C("bob","SECRET")\ndef f(x): return V',
    "dflt": 'def connect(x, password="SECRET"): return x\ndef f(x): return connect(x)',
    "part": 'from functools import partial\ndef c(password, x): return x\nB=partial(c,"SECRET")\ndef f(x): return B(x)',
    "meth": 'class Secrets:\n    def get(self): return "SECRET"\ndef f(x): return Secrets().get()',
    "lam": 'fetch_password = lambda: "SECRET"\ndef f(x): return fetch_password()',
    "kwonly": 'def f(x):\n    def g(*, token="SECRET"): return token\n    return g()',
    "or": 'def f(x, password=None):\n    return password or "SECRET"',
    "ifexp": 'def f(x, password=None):\n    return "SECRET" if password is None else password',
    "fstr": 'def f(user, host="h"):\n    return f"postgres://{user}:SECRET@{host}"',
    "url": 'def f(x):\n    return "postgres://u:a/SECRET@host"',
    "tup": 'def f(x):\n    return [("Authorization","Bearer SECRET")]',
    "match": 'def f(x):\n    match x:\n        case {"password": "SECRET"}: return 1',
    "for": 'def f(x):\n    for token in ("SECRET",): print(token)',
    "compr": 'def f(x):\n    return [token for token in ("SECRET",)]',
    "concat": 'def f(x):\n    return "password=" + "SECRET"',
    "pw": 'PW = "SECRET"\ndef f(x): return PW',
    "bearer": 'H = "Bearer SECRET"\ndef f(x): return H',
    "plist": 'passwords=["a","SECRET"]\ndef f(x): return passwords[1]',
    "nest": 'class O:\n    pass\nconfig={"password":{"value":"SECRET","o":{1,2}}}\ndef f(x): return config',
    "enum": 'import enum\nclass Token(enum.Enum):\n    A="SECRET"\ndef f(x): return Token.A',
    "path": 'import pathlib\nsecret=pathlib.PurePosixPath("SECRET")\ndef f(x): return secret',
    "argv": 'import sys\nsys.argv=["p","--x","SECRET"]\ndef f(x): return sys.argv',
    "clsattr": 'class Config:\n    class Secrets:\n        value="SECRET"\ndef f(x): return Config.Secrets.value',
    "kwcall": 'def f(x):\n    return dict(pw="SECRET")',
    "sig": 'def f(x):\n    return "https://h/x?sig=SECRET"',
    "apikey": 'class O: pass\no=O(); o.v="SECRET"\nCFG={"api_key": o}\ndef f(x): return CFG',
    "tokp": 'from functools import partial\nTOKENS=partial(print,"SECRET")\ndef f(x): return TOKENS',
    "keydict": 'D={"postgres://u:SECRET@host": object}\ndef f(x): return D',
}


@pytest.mark.parametrize("case", CASES)
def test_what_has_a_secrets_name_is_not_said(case, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", sys.argv)
    lineages = []
    for secret in ("hunter2", "hunter3"):
        file = tmp_path / f"{secret}.py"
        file.write_text(CASES[case].replace("SECRET", secret))
        module = types.ModuleType("users_secrets")
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, "users_secrets", module)
        exec(compile(file.read_text(), str(file), "exec"), vars(module))
        tree = fingerprint_tree(module.f, "function f")
        rows = to_json(tree, hidden=below_secrets(tree))
        assert "hunter" not in json.dumps(rows)
        lineages.append(Lineage("d", from_json(rows), sources_of(tree)))
    said = difference_said(*lineages)
    assert "changed" in said
    assert "hunter" not in said
