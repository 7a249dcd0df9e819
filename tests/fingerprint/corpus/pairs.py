"""Pairs of sources: what `f` may compute is the same in both, or not, or cannot be told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    name: str
    expect: str  # same, different or error (of the second source)
    before: str
    after: str


def pairs_of(expect, text):
    found = []
    for block in text.strip().split("\n====")[0:]:
        head, _, rest = block.lstrip("= ").partition("\n")
        before, _, after = rest.partition("----\n")
        found.append(Pair(head.strip(), expect, before, after))
    return found


SAME = pairs_of(
    "same",
    """\
==== comment
def f(x):
    return x + 1
----
# above
def f(x):
    # inside
    return x + 1  # behind
==== blank lines and formatting
def f(x, y): return x and y or (x + y, [x, y])
----


def f(
    x,
    y,
):
    return (
        x
        and y

        or (
            x + y,
            [x,
             y],
        )
    )
==== conditions over several lines
def f(a, b, c, d):
    if a and (b or not c) and d: return 1
    while a or b and c: a = b if c else d
    return [i for i in a if i and (b or c)]
----
def f(a, b, c, d):
    if (
        a
        and (
            b
            or not c
        )
        and d
    ):
        return 1
    while (
        a
        or b
        and c
    ):
        a = (
            b
            if c
            else d
        )
    return [
        i
        for i in a
        if i
        and (
            b
            or c
        )
    ]
==== try and with over several lines
def f(x):
    try:
        with open_it(x) as h: return h.a or h.b
    except (ValueError, KeyError) as e: return e.args and e
    finally: done(x)
def open_it(x): return x
def done(x): pass
----
def f(x):

    try:

        with open_it(
            x
        ) as h:
            return (
                h.a
                or h.b
            )
    except (
        ValueError,
        KeyError,
    ) as e:
        return (
            e.args
            and e
        )
    finally:
        done(
            x
        )
def open_it(x):
    return x
def done(x):
    pass
==== annotations
def f(x, y=2):
    return x + y
----
from typing import List
def f(x: int, y: "List[int]" = 2) -> List[int]:
    return x + y
==== local variable annotation
def f(x):
    y = x
    return y
----
def f(x):
    y: int = x
    return y
==== nested function annotations
def f(x):
    def g(a, b=1, *c, d=2):
        return a + b + x
    return g
----
class T: pass
def f(x):
    def g(a: int, b: "T" = 1, *c: T, d: T | None = 2) -> dict[str, T]:
        return a + b + x
    return g
==== wrapped nested function annotations
import functools
def f(fn):
    @functools.wraps(fn)
    def inner(*args):
        return fn(*args)
    return inner
----
import functools
from typing import Any
def f(fn):
    @functools.wraps(fn)
    def inner(*args: Any) -> Any:
        return fn(*args)
    return inner
==== docstring
def f(x):
    return x
----
def f(x):
    "What it does."
    return x
==== docstring of a nested function and class
def f(x):
    def g(): return x
    class C:
        y = 1
    return g, C
----
def f(x):
    def g():
        "doc"
        return x
    class C:
        "doc"
        y = 1
    return g, C
==== docstring of a class
class C:
    def m(self): return 1
def f(x): return C().m()
----
class C:
    "doc"
    def m(self):
        "doc"
        return 1
def f(x): return C().m()
==== local name
def f(x):
    total = 0
    for item in x: total += item
    return total
----
def f(x):
    s = 0
    for i in x: s += i
    return s
==== captured local name, other order
def f(x):
    a = x
    b = 2
    def g(y): return b + y + a
    return g
----
def f(x):
    z = x
    b = 2
    def g(y): return b + y + z
    return g
==== captured name of a factory
def make(n, m):
    a, b = n, m
    def inner(x): return x * b + a
    return inner
f = make(2, 3)
----
def make(n, m):
    z, b = n, m
    def inner(x): return x * b + z
    return inner
f = make(2, 3)
==== comprehension variable
def f(x): return [i * i for i in x], {k: v for k, v in x}, sum(j for j in x)
----
def f(x): return [q * q for q in x], {a: b for a, b in x}, sum(z for z in x)
==== exception variable
def f(x):
    try: return x()
    except ValueError as e: return e
----
def f(x):
    try: return x()
    except ValueError as err: return err
==== moved in the file
def h(x): return x + 1
def f(x): return h(x)
----
K = 1
def f(x): return h(x)
class Z: pass
def h(x): return x + 1
==== moved to another file
def h(x): return x + 1
def f(x): return h(x)
----
from elsewhere import h
def f(x): return h(x)
# file elsewhere.py
def h(x): return x + 1
==== class moved to another file
class Rec:
    def score(self): return 3
def f(x): return Rec().score()
----
from elsewhere import Rec
def f(x): return Rec().score()
# file elsewhere.py
import os
class Rec:
    def score(self): return 3
==== order of methods in a class
class C:
    def a(self): return 1
    def b(self): return 2
def f(x): return C().a()
----
class C:
    def b(self): return 2
    def a(self): return 1
def f(x): return C().a()
==== lambda or def
f = lambda x, y=2: x + y
----
def f(x, y=2):
    return x + y
==== lambda or def, nested
def f(x):
    g = lambda a: a + x
    return g
----
def f(x):
    def g(a): return a + x
    return g
==== set literal in another order
def f(x): return x in {"a", "b", "c", "d", "e"}
----
def f(x): return x in {"e", "d", "a", "c", "b"}
==== global set in another order
S = {"a", "b", "c", ("d", 1)}
def f(x): return x in S
----
S = {("d", 1), "c", "b", "a"}
def f(x): return x in S
==== global that is not read
A = 1
def f(x): return x
----
A = 2
B = 3
def f(x): return x
==== attribute of a module that is not read
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
LIMIT = 1
OTHER = 2
----
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
OTHER = 3
LIMIT = 1
def g(): pass
==== attribute by constant getattr that is not read
import cfg
def f(x): return getattr(cfg, "LIMIT", 3)
# file cfg.py
LIMIT = 1
OTHER = 2
----
import cfg
def f(x): return getattr(cfg, "LIMIT", 3)
# file cfg.py
LIMIT = 1
OTHER = 3
==== import inside the function, other attribute
def f(x):
    import cfg
    return cfg.LIMIT
# file cfg.py
LIMIT = 1
OTHER = 2
----
def f(x):
    import cfg
    return cfg.LIMIT
# file cfg.py
LIMIT = 1
OTHER = 5
==== import order
import a_mod
import b_mod
def f(x): return a_mod.A + b_mod.B
# file a_mod.py
A = 1
# file b_mod.py
B = 1
----
import b_mod
import a_mod
def f(x): return a_mod.A + b_mod.B
# file a_mod.py
A = 1
# file b_mod.py
B = 1
==== logger
import logging
log = logging.getLogger("a")
def f(x):
    log.info("x")
    return x
----
import logging
log = logging.getLogger("b")
log.setLevel(10)
def f(x):
    log.info("x")
    return x
==== memo of lru_cache
import functools
@functools.lru_cache
def h(x): return x + 1
def f(x): return h(x)
----
import functools
@functools.lru_cache
def h(x): return x + 1
h(1), h(2)
def f(x): return h(x)
==== recursion, definition order
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
def f(x): return even(x)
----
def odd(n): return n != 0 and even(n - 1)
def even(n): return n == 0 or odd(n - 1)
def f(x): return even(x)
==== registration order of singledispatch
import functools
@functools.singledispatch
def g(x): return 0
@g.register
def _(x: int): return 1
@g.register
def _(x: str): return 2
def f(x): return g(x)
----
import functools
@functools.singledispatch
def g(x): return 0
@g.register
def _(x: str): return 2
@g.register
def _(x: int): return 1
def f(x): return g(x)
==== dataclass docstring
import dataclasses
@dataclasses.dataclass
class P:
    x: int
    y: int = 2
def f(x): return P(x)
----
import dataclasses
@dataclasses.dataclass
class P:
    "A point."
    x: int
    # the other
    y: int = 2
def f(x): return P(x)
==== sentinel
MISSING = object()
def f(x, y=MISSING): return y is MISSING
----
import os
MISSING = object()
def f(x, y=MISSING): return y is MISSING
==== pass and redundant parentheses
def f(x):
    if x:
        pass
    return (x)
----
def f(x):
    if x: pass
    return x
==== instance attributes set in another order
class C:
    def __init__(self): self.a = 1; self.b = 2
c = C()
def f(x): return c.a
----
class C:
    def __init__(self): self.a = 1; self.b = 2
c = C()
del c.a
c.a = 1
def f(x): return c.a
==== future annotations
def f(x): return x
----
from __future__ import annotations
def f(x: Undefined) -> Undefined: return x
==== class body annotation of a nested plain class
def f(x):
    class C:
        a = 1
    return C
----
def f(x):
    class C:
        a: int = 1
        b: str
    return C
==== shared or equal
A = [1, object]
B = [A, A]
def f(x): return B
----
B = [[1, object], [1, object]]
def f(x): return B
==== version
from dtset.fingerprint import version
@version("1")
def f(x): return x + 1
----
from dtset.fingerprint import version
def g(): pass
@version("1")
def f(x): return g(x) + 2
==== match statement formatting
def f(x):
    match x:
        case {"a": y, **r}: return y
        case [a, b] if a > b: return a
        case _: return r
----
def f(x):
    match x:
        case {"a": val, **others}:
            return val
        case [p, q] if (
            p > q
        ):
            return p
        case _:
            return others
==== walrus and nonlocal names
def f(x):
    n = 0
    def g():
        nonlocal n
        n += 1
        return n
    return g() if (m := x) else m
----
def f(x):
    count = 0
    def g():
        nonlocal count
        count += 1
        return count
    return g() if (w := x) else w
==== async formatting
async def f(x):
    async with x as y:
        async for z in y: yield await z
----
async def f(x):
    async with x as yy:
        async for zz in yy:
            yield (
                await zz
            )
==== set inside a default and class attribute
class C:
    S = frozenset(["a", "b", "zz"])
def f(x, s=frozenset({"p", "q", "r"})): return C.S
----
class C:
    S = frozenset(["zz", "b", "a"])
def f(x, s=frozenset({"r", "q", "p"})): return C.S
==== conditional annotation of a nested function
def f(x):
    def g(a, b=1):
        return a + b + x
    return g
----
def f(x):
    def g(a: int if 1 < x else str, b: (x and bytes) or None = 1) -> "str" if x else (int if x > 2 else None):
        return a + b + x
    return g
==== conditional annotation in a nested class
def f(x):
    class C:
        y = 2
        z = 3
    return C.y + C.z
----
def f(x):
    class C:
        y: int if x else str = 2
        z: int if x and x > 1 else str = 3
    return C.y + C.z
==== ways to the end of a function
def f(x):
    if x > 2:
        x.a()
    elif x > 1:
        x.b()
    for y in x:
        if y:
            x.c(y)
            break
    else:
        x.d()
----
def f(x):
    if x > 2:
        pass
        x.a()
        pass
    elif x > 1:
        if True: pass
        x.b()
    else:
        pass
    for y in x:
        if y:
            x.c(y)
            break
        else:
            pass
    else:
        x.d()
        pass
    return None
==== ways out of a try
def f(x):
    try:
        if x.a():
            x.b()
    except ValueError:
        x.c()
    else:
        if x.d():
            x.e()
----
def f(x):
    try:
        if x.a():
            x.b()
        else:
            ...
    except ValueError:
        pass
        x.c()
        pass
    else:
        if x.d():
            x.e()
        else:
            pass
    return
==== local names that only annotations use
def f(x):
    T = x.kind()
    def g(a): return a + 1
    return g, T
----
def f(x):
    T = x.kind()
    def g(a: T):
        return a + 1
    return g, T
==== a local name that an annotation in a nested function uses
def f(x):
    T = x.kind()
    def g(a):
        def h(b): return b + a
        return h
    return g, T
----
def f(x):
    T = x.kind()
    def g(a):
        def h(b: T) -> "T | x": return b + a
        return h
    return g, T
==== annotations below a decorator of one's own
import functools
def twice(g):
    @functools.wraps(g)
    def both(x): return g(g(x))
    return both
def f(x):
    @twice
    def g(a): return a + 1
    return g(x)
----
import functools
def twice(g):
    @functools.wraps(g)
    def both(x: int) -> "T": return g(g(x))
    return both
def f(x):
    @twice
    def g(a: int | None) -> str: return a + 1
    return g(x)
==== moved beside an attribute called query, and an eval
import urllib.parse
def f(x): return urllib.parse.urlparse(x).query, g(x)
def g(x): return eval(x + "1")
LIMIT = 5
----
import urllib.parse
LIMIT = 5
def g(x): return eval(x + "1")
def f(x): return urllib.parse.urlparse(x).query, g(x)
==== name of the function itself
def f(x): return x + 1
----
def g(x): return x + 1
f = g
==== docstrings beside an attribute called help
class Option:
    def __init__(self, help): self.help = help
def f(x): return Option(x).help
----
class Option:
    "An option."
    def __init__(self, help):
        "Another text."
        self.help = help
def f(x):
    "A third one."
    return Option(x).help
==== short set literals of constants
def f(x): return {"a", "b"} | {1, (2, None)} | {x, 3}
----
def f(x): return {"b", "a"} | {(2, None), 1} | {x, 3}
""",
)

DIFFERENT = pairs_of(
    "different",
    """\
==== parameter name
def f(x): return 1
----
def f(y): return 1
==== constant
def f(x): return x + 1
----
def f(x): return x + 2
==== constant type int float
def f(x): return 1
----
def f(x): return 1.0
==== constant type int bool
def f(x): return 1
----
def f(x): return True
==== constant sign of zero
def f(x): return 0.0
----
def f(x): return -0.0
==== constant in a tuple
def f(x): return (1, 2)
----
def f(x): return (1, 2.0)
==== text or bytes
def f(x): return "1"
----
def f(x): return b"1"
==== operator
def f(x): return x + 1
----
def f(x): return x - 1
==== comparison
def f(x): return x < 1
----
def f(x): return x <= 1
==== attribute name
def f(x): return x.a
----
def f(x): return x.b
==== global name
A = B = 1
def f(x): return A
----
A = B = 1
def f(x): return B
==== call added
def f(x): return int
----
def f(x): return int()
==== branch swapped
def f(x):
    if x: return 1
    return 2
----
def f(x):
    if x: return 2
    return 1
==== not added
def f(x): return 1 if x else 2
----
def f(x): return 1 if not x else 2
==== and or
def f(x, y): return x and y
----
def f(x, y): return x or y
==== locals swapped
def f(x):
    a = 1; b = 2
    return a - b
----
def f(x):
    a = 1; b = 2
    return b - a
==== captured swapped
def f(x):
    a = 1; b = 2
    return lambda: a - b
----
def f(x):
    a = 1; b = 2
    return lambda: b - a
==== default
def f(x, y=1): return x
----
def f(x, y=2): return x
==== default by name
def f(x, *, y=1): return x
----
def f(x, *, y=2): return x
==== keyword only
def f(x, y=1): return x
----
def f(x, *, y=1): return x
==== positional only
def f(x, y=1): return x
----
def f(x, /, y=1): return x
==== generator or list
def f(x): return [i for i in x]
----
def f(x): return (i for i in x)
==== closure value
def make(n):
    return lambda x: x + n
f = make(1)
----
def make(n):
    return lambda x: x + n
f = make(2)
==== global value
T = 5
def f(x): return x > T
----
T = 6
def f(x): return x > T
==== global value through helpers
T = 5
def a(x): return b(x)
def b(x): return c(x)
def c(x): return x > T
def f(x): return a(x)
----
T = 6
def a(x): return b(x)
def b(x): return c(x)
def c(x): return x > T
def f(x): return a(x)
==== attribute of a module
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
LIMIT = 1
----
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
LIMIT = 2
==== attribute of a submodule
import pkg.sub
def f(x): return pkg.sub.LIMIT
# file pkg/__init__.py
# file pkg/sub.py
LIMIT = 1
----
import pkg.sub
def f(x): return pkg.sub.LIMIT
# file pkg/__init__.py
# file pkg/sub.py
LIMIT = 2
==== module that escapes
import cfg
def f(x): return getattr(cfg, x)
# file cfg.py
LIMIT = 1
----
import cfg
def f(x): return getattr(cfg, x)
# file cfg.py
LIMIT = 2
==== module handed to a helper
import cfg
def get(m): return m.LIMIT
def f(x): return get(cfg)
# file cfg.py
LIMIT = 1
----
import cfg
def get(m): return m.LIMIT
def f(x): return get(cfg)
# file cfg.py
LIMIT = 2
==== constant getattr
import cfg
def f(x): return getattr(cfg, "LIMIT")
# file cfg.py
LIMIT = 1
----
import cfg
def f(x): return getattr(cfg, "LIMIT")
# file cfg.py
LIMIT = 2
==== import in the function
def f(x):
    import cfg
    return cfg.LIMIT
# file cfg.py
LIMIT = 1
----
def f(x):
    import cfg
    return cfg.LIMIT
# file cfg.py
LIMIT = 2
==== from import in the function
def f(x):
    from cfg import g
    return g()
# file cfg.py
def g(): return 1
----
def f(x):
    from cfg import g
    return g()
# file cfg.py
def g(): return 2
==== import as in the function
def f(x):
    import pkg.sub as s
    return s.g()
# file pkg/__init__.py
# file pkg/sub.py
def g(): return 1
----
def f(x):
    import pkg.sub as s
    return s.g()
# file pkg/__init__.py
# file pkg/sub.py
def g(): return 2
==== submodule by from import in the function
def f(x):
    from pkg import sub
    return sub.g()
# file pkg/__init__.py
# file pkg/sub.py
def g(): return 1
----
def f(x):
    from pkg import sub
    return sub.g()
# file pkg/__init__.py
# file pkg/sub.py
def g(): return 2
==== relative import in a helper
import pkg.main
def f(x): return pkg.main.g()
# file pkg/__init__.py
# file pkg/main.py
def g():
    from .sub import h
    return h()
# file pkg/sub.py
def h(): return 1
----
import pkg.main
def f(x): return pkg.main.g()
# file pkg/__init__.py
# file pkg/main.py
def g():
    from .sub import h
    return h()
# file pkg/sub.py
def h(): return 2
==== import_module with a constant
import importlib
def f(x): return importlib.import_module("cfg").LIMIT
# file cfg.py
LIMIT = 1
----
import importlib
def f(x): return importlib.import_module("cfg").LIMIT
# file cfg.py
LIMIT = 2
==== body of a helper
def h(x): return x + 1
def f(x): return h(x)
----
def h(x): return x + 2
def f(x): return h(x)
==== helper in a dict
def h(x): return x + 1
T = {"h": h}
def f(x): return T["h"](x)
----
def h(x): return x + 2
T = {"h": h}
def f(x): return T["h"](x)
==== body of a nested function
def f(x):
    def g(): return 1
    return g()
----
def f(x):
    def g(): return 2
    return g()
==== body of a comprehension
def f(x): return [i + 1 for i in x]
----
def f(x): return [i + 2 for i in x]
==== wrapper of a decorator
import functools
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a) + 1
    return inner
@deco
def f(x): return x
----
import functools
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a) + 2
    return inner
@deco
def f(x): return x
==== wrapped function
import functools
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a)
    return inner
@deco
def f(x): return x
----
import functools
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a)
    return inner
@deco
def f(x): return -x
==== wrapper of a versioned function
import functools
from dtset.fingerprint import version
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a) + 1
    return inner
@deco
@version("1")
def f(x): return x
----
import functools
from dtset.fingerprint import version
def deco(fn):
    @functools.wraps(fn)
    def inner(*a): return fn(*a) + 2
    return inner
@deco
@version("1")
def f(x): return x
==== method
class C:
    def m(self): return 1
def f(x): return C().m()
----
class C:
    def m(self): return 2
def f(x): return C().m()
==== property
class C:
    @property
    def p(self): return 1
def f(x): return C().p
----
class C:
    @property
    def p(self): return 2
def f(x): return C().p
==== cached property
import functools
class C:
    @functools.cached_property
    def p(self): return 1
def f(x): return C().p
----
import functools
class C:
    @functools.cached_property
    def p(self): return 2
def f(x): return C().p
==== static or class method
class C:
    @staticmethod
    def m(): return 1
def f(x): return C.m()
----
class C:
    @classmethod
    def m(): return 1
def f(x): return C.m()
==== base class
class B:
    def m(self): return 1
class C(B): pass
def f(x): return C().m()
----
class B:
    def m(self): return 2
class C(B): pass
def f(x): return C().m()
==== order of bases
class A: pass
class B: pass
class C(A, B): pass
def f(x): return C()
----
class A: pass
class B: pass
class C(B, A): pass
def f(x): return C()
==== class attribute
class C: a = 1
def f(x): return C.a
----
class C: a = 2
def f(x): return C.a
==== slots
class C: __slots__ = ("a",)
def f(x): return C()
----
class C: __slots__ = ("a", "b")
def f(x): return C()
==== metaclass
class M(type):
    def __call__(cls): return 1
class C(metaclass=M): pass
def f(x): return C()
----
class M(type):
    def __call__(cls): return 2
class C(metaclass=M): pass
def f(x): return C()
==== instance of a bound method
class C:
    def __init__(self, n): self.n = n
    def m(self, x): return x + self.n
f = C(1).m
----
class C:
    def __init__(self, n): self.n = n
    def m(self, x): return x + self.n
f = C(2).m
==== argument of a partial
import functools
f = functools.partial(pow, 2)
----
import functools
f = functools.partial(pow, 3)
==== keyword of a partial
import functools
f = functools.partial(sorted, reverse=True)
----
import functools
f = functools.partial(sorted, reverse=False)
==== state of a callable object
class C:
    def __init__(self, n): self.n = n
    def __call__(self, x): return x + self.n
f = C(1)
----
class C:
    def __init__(self, n): self.n = n
    def __call__(self, x): return x + self.n
f = C(2)
==== annotation read by singledispatch
import functools
@functools.singledispatch
def g(x): return 0
@g.register
def _(x: int): return 1
def f(x): return g(x)
----
import functools
@functools.singledispatch
def g(x): return 0
@g.register
def _(x: float): return 1
def f(x): return g(x)
==== annotation read by nested singledispatch
import functools
def f(v):
    @functools.singledispatch
    def g(x): return 0
    @g.register
    def _(x: int): return 1
    return g(v)
----
import functools
def f(v):
    @functools.singledispatch
    def g(x): return 0
    @g.register
    def _(x: float): return 1
    return g(v)
==== annotations read
def g(x: int): return x
def f(x): return g.__annotations__
----
def g(x: float): return x
def f(x): return g.__annotations__
==== docstring read
def g(x):
    "a"
def f(x): return g.__doc__
----
def g(x):
    "b"
def f(x): return g.__doc__
==== docstring read by a constant getattr
def g(x):
    "a"
def f(x): return getattr(g, "__doc__")
----
def g(x):
    "b"
def f(x): return getattr(g, "__doc__")
==== docstring of a class read in a helper
class C:
    "a"
def h(c): return c.__doc__
def f(x): return h(C)
----
class C:
    "b"
def h(c): return c.__doc__
def f(x): return h(C)
==== names read by locals
def f(x):
    a = 1
    return locals()
----
def f(x):
    b = 1
    return locals()
==== names read by eval
def f(x):
    a = 1; b = 2
    return eval("a")
----
def f(x):
    b = 1; a = 2
    return eval("a")
==== global read by eval
T = 1
def f(x): return eval("T + x")
----
T = 2
def f(x): return eval("T + x")
==== global read by a made name
T = 1
def f(x): return globals()[x]
----
T = 2
def f(x): return globals()[x]
==== global read by a constant name
T = 1
def f(x): return globals()["T"]
----
T = 2
def f(x): return globals()["T"]
==== name of a function read
def g(): pass
def f(x): return g.__name__
----
def g(): pass
g.__name__ = "h"
def f(x): return g.__name__
==== dict literal in another order
def f(x): return {"a": 1, "b": 2}
----
def f(x): return {"b": 2, "a": 1}
==== global dict in another order
D = {"a": 1, "b": 2}
def f(x): return list(D)
----
D = {"b": 2, "a": 1}
def f(x): return list(D)
==== order of a list
L = [1, 2]
def f(x): return L
----
L = [2, 1]
def f(x): return L
==== list or tuple
L = [1, 2]
def f(x): return L
----
L = (1, 2)
def f(x): return L
==== numpy integer
import numpy as np
L = np.int64(1)
def f(x): return L
----
L = 1
def f(x): return L
==== numpy dtype
import numpy as np
L = np.array([1, 2], "i4")
def f(x): return L
----
import numpy as np
L = np.array([1, 2], "i8")
def f(x): return L
==== numpy shape
import numpy as np
L = np.zeros((2, 3))
def f(x): return L
----
import numpy as np
L = np.zeros((3, 2))
def f(x): return L
==== numpy function
import numpy as np
def f(x): return np.sin(x)
----
import numpy as np
def f(x): return np.cos(x)
==== builtin shadowed
def f(x): return len(x)
----
def len(x): return 3
def f(x): return len(x)
==== program arguments
import sys
def f(x): return sys.argv
----
import sys
sys.argv = ["other"]
def f(x): return sys.argv
==== variable of the environment
import os
os.environ["CORPUS"] = "a"
def f(x): return os.environ["CORPUS"]
----
import os
os.environ["CORPUS"] = "b"
def f(x): return os.environ["CORPUS"]
==== variable of the environment by get
import os
os.environ["CORPUS"] = "a"
def f(x): return os.environ.get("CORPUS", "z")
----
import os
os.environ["CORPUS"] = "b"
def f(x): return os.environ.get("CORPUS", "z")
==== variable of the environment by getenv
from os import getenv
import os
os.environ["CORPUS"] = "a"
def f(x): return getenv("CORPUS")
----
from os import getenv
import os
os.environ["CORPUS"] = "b"
def f(x): return getenv("CORPUS")
==== member of an enum
import enum
class E(enum.Enum):
    A = 1
    B = 2
def f(x): return E.A
----
import enum
class E(enum.Enum):
    A = 1
    B = 3
def f(x): return E.A
==== order of an enum
import enum
class E(enum.Enum):
    A = 1
    B = 2
def f(x): return list(E)
----
import enum
class E(enum.Enum):
    B = 2
    A = 1
def f(x): return list(E)
==== method of an enum
import enum
class E(enum.Enum):
    A = 1
    def m(self): return 1
def f(x): return E.A.m()
----
import enum
class E(enum.Enum):
    A = 1
    def m(self): return 2
def f(x): return E.A.m()
==== method of an enum through a member
import enum
class E(enum.Enum):
    A = 1
    def m(self): return 1
M = E.A
def f(x): return M.m()
----
import enum
class E(enum.Enum):
    A = 1
    def m(self): return 2
M = E.A
def f(x): return M.m()
==== field of a dataclass
import dataclasses
@dataclasses.dataclass
class P:
    x: int = 1
def f(x): return P()
----
import dataclasses
@dataclasses.dataclass
class P:
    x: int = 2
def f(x): return P()
==== option of a dataclass
import dataclasses
@dataclasses.dataclass
class P:
    x: int = 1
def f(x): return P()
----
import dataclasses
@dataclasses.dataclass(order=True)
class P:
    x: int = 1
def f(x): return P()
==== default factory of a dataclass
import dataclasses
def make(): return [1]
@dataclasses.dataclass
class P:
    x: list = dataclasses.field(default_factory=make)
def f(x): return P()
----
import dataclasses
def make(): return [2]
@dataclasses.dataclass
class P:
    x: list = dataclasses.field(default_factory=make)
def f(x): return P()
==== method of a dataclass named as a generated one
import dataclasses
@dataclasses.dataclass
class P:
    x: int = 1
    def __repr__(self): return "a"
def f(x): return P()
----
import dataclasses
@dataclasses.dataclass
class P:
    x: int = 1
    def __repr__(self): return "b"
def f(x): return P()
==== fields of a named tuple
import collections
P = collections.namedtuple("P", "x y")
def f(x): return P(1, 2)
----
import collections
P = collections.namedtuple("P", "y x")
def f(x): return P(1, 2)
==== default of a named tuple
from typing import NamedTuple
class P(NamedTuple):
    x: int = 1
def f(x): return P()
----
from typing import NamedTuple
class P(NamedTuple):
    x: int = 2
def f(x): return P()
==== method of a named tuple
from typing import NamedTuple
class P(NamedTuple):
    x: int = 1
    def m(self): return 1
def f(x): return P()
----
from typing import NamedTuple
class P(NamedTuple):
    x: int = 1
    def m(self): return 2
def f(x): return P()
==== abstract method
import abc
class B(abc.ABC):
    def m(self): return 1
class C(B): pass
def f(x): return C()
----
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): return 1
class C(B): pass
def f(x): return C()
==== virtual subclass
import abc
class B(abc.ABC): pass
class C: pass
def f(x): return isinstance(C(), B)
----
import abc
class B(abc.ABC): pass
class C: pass
B.register(C)
def f(x): return isinstance(C(), B)
==== recursion
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
def f(x): return even(x)
----
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 2)
def f(x): return even(x)
==== class that refers to itself
class Node:
    def __init__(self): self.next = Node
    def m(self): return 1
def f(x): return Node()
----
class Node:
    def __init__(self): self.next = Node
    def m(self): return 2
def f(x): return Node()
==== super
class B:
    def m(self): return 1
class C(B):
    def m(self): return super().m()
f = C().m
----
class B:
    def m(self): return 2
class C(B):
    def m(self): return super().m()
f = C().m
==== object that contains itself
L = [1]
L.append(L)
def f(x): return L
----
L = [2]
L.append(L)
def f(x): return L
==== size of lru_cache
import functools
@functools.lru_cache(maxsize=1)
def f(x): return x
----
import functools
@functools.lru_cache(maxsize=2)
def f(x): return x
==== function in lru_cache
import functools
@functools.lru_cache
def f(x): return x
----
import functools
@functools.lru_cache
def f(x): return -x
==== contextmanager
import contextlib
@contextlib.contextmanager
def g(): yield 1
def f(x):
    with g() as y: return y
----
import contextlib
@contextlib.contextmanager
def g(): yield 2
def f(x):
    with g() as y: return y
==== attribute of a function
def g(): return g.n
g.n = 1
def f(x): return g()
----
def g(): return g.n
g.n = 2
def f(x): return g()
==== regular expression
import re
R = re.compile("a")
def f(x): return R.match(x)
----
import re
R = re.compile("a", re.I)
def f(x): return R.match(x)
==== missing global
def f(x): return nothing(x)
----
def nothing(x): return x
def f(x): return nothing(x)
==== version word
from dtset.fingerprint import version
@version("1")
def f(x): return x
----
from dtset.fingerprint import version
@version("2")
def f(x): return x
==== default of a versioned function
from dtset.fingerprint import version
@version("1")
def f(x, k=1): return x
----
from dtset.fingerprint import version
@version("1")
def f(x, k=2): return x
==== exception handler
def f(x):
    try: return x()
    except ValueError: return 1
----
def f(x):
    try: return x()
    except KeyError: return 1
==== what a try covers
def f(x):
    try:
        y = x()
        z = x()
    except ValueError: return 1
    return y, z
----
def f(x):
    y = x()
    try:
        z = x()
    except ValueError: return 1
    return y, z
==== conversion in a format
def f(x): return f"{x!r}"
----
def f(x): return f"{x!s}"
==== await or not
async def f(x): return await x
----
async def f(x): return x
==== starred
def f(x): return [x, *x]
----
def f(x): return [x, x]
==== keyword name in a call
def f(x): return dict(a=x)
----
def f(x): return dict(b=x)
==== methods swapped between classes of a cycle
class A:
    def m(self): return B
    def v(self): return 1
class B:
    def m(self): return A
    def v(self): return 2
def f(x): return A().v()
----
class A:
    def m(self): return B
    def v(self): return 2
class B:
    def m(self): return A
    def v(self): return 1
def f(x): return A().v()
==== instance state through a slot
class C:
    __slots__ = ("n",)
    def __init__(self, n): self.n = n
c = C(1)
def f(x): return c.n
----
class C:
    __slots__ = ("n",)
    def __init__(self, n): self.n = n
c = C(2)
def f(x): return c.n
==== name of a nested dataclass field
def f(x):
    import dataclasses
    @dataclasses.dataclass
    class P:
        a: int
    return P(x)
----
def f(x):
    import dataclasses
    @dataclasses.dataclass
    class P:
        b: int
    return P(x)
==== order read from the attributes of an object
class C: pass
c = C(); c.a = 1; c.b = 2
def f(x): return list(vars(c))
----
class C: pass
c = C(); c.b = 2; c.a = 1
def f(x): return list(vars(c))
==== monkeypatched module of the standard library
import textwrap
def f(x): return textwrap.dedent(x)
----
import textwrap
def mine(x): return 1
textwrap.dedent = mine
def f(x): return textwrap.dedent(x)
==== NaN payload
import struct
N = struct.unpack("d", b"\\x01\\0\\0\\0\\0\\0\\xf8\\x7f")[0]
def f(x): return N
----
import struct
N = struct.unpack("d", b"\\x02\\0\\0\\0\\0\\0\\xf8\\x7f")[0]
def f(x): return N
==== private helper of a class through an instance in a list
class C:
    def m(self): return 1
L = [C(), C()]
def f(x): return L[0].m()
----
class C:
    def m(self): return 2
L = [C(), C()]
def f(x): return L[0].m()
==== property of an enum
import enum
class E(enum.Enum):
    A = 1
    @enum.property
    def p(self): return 1
def f(x): return E.A.p
----
import enum
class E(enum.Enum):
    A = 1
    @enum.property
    def p(self): return 2
def f(x): return E.A.p
==== class of an object that says how to rebuild itself
def rebuild(n): return n
class C:
    def __reduce__(self): return rebuild, (1,)
    def m(self): return 1
c = C()
def f(x): return c.m()
----
def rebuild(n): return n
class C:
    def __reduce__(self): return rebuild, (1,)
    def m(self): return 2
c = C()
def f(x): return c.m()
==== module by sys.modules with a constant
import sys, cfg
def f(x): return sys.modules["cfg"].LIMIT
# file cfg.py
LIMIT = 1
----
import sys, cfg
def f(x): return sys.modules["cfg"].LIMIT
# file cfg.py
LIMIT = 2
==== globals of a function
T = 1
def g(): pass
def f(x): return g.__globals__[x]
----
T = 2
def g(): pass
def f(x): return g.__globals__[x]
==== subclasses asked for
class B: pass
class C(B):
    def m(self): return 1
def f(x): return [c().m() for c in B.__subclasses__()]
----
class B: pass
class C(B):
    def m(self): return 2
def f(x): return [c().m() for c in B.__subclasses__()]
==== wrapped function that the wrapper does not hold
def g(x): return 1
def h(x): return 2
h.__wrapped__ = g
def f(x): return h.__wrapped__(x)
----
def g(x): return 3
def h(x): return 2
h.__wrapped__ = g
def f(x): return h.__wrapped__(x)
==== constant tuple against a list
def f(x): return x in (1, 2)
----
def f(x): return x in (2, 1)
==== condition of a comprehension
def f(x): return [i for i in x if i > 1]
----
def f(x): return [i for i in x if i > 2]
==== step of a slice
def f(x): return x[::2]
----
def f(x): return x[::3]
==== value of a keyword default made of a class
class C: n = 1
def f(x, *, c=C): return c.n
----
class C: n = 2
def f(x, *, c=C): return c.n
==== chained helper through a class attribute
def h(x): return 1
class C: call = staticmethod(h)
def f(x): return C.call(x)
----
def h(x): return 2
class C: call = staticmethod(h)
def f(x): return C.call(x)
==== registry filled by a decorator
R = {}
def register(fn): R[fn.__name__] = fn; return fn
@register
def h(x): return 1
def f(x): return R["h"](x)
----
R = {}
def register(fn): R[fn.__name__] = fn; return fn
@register
def h(x): return 2
def f(x): return R["h"](x)
==== del or not
def f(x):
    y = x
    del y
    return x
----
def f(x):
    y = x
    return x
==== break or continue
def f(x):
    for i in x:
        if i: break
    return i
----
def f(x):
    for i in x:
        if i: continue
    return i
==== docstring read by a format
def g():
    "a"
def f(x): return "{0.__doc__}".format(g)
----
def g():
    "b"
def f(x): return "{0.__doc__}".format(g)
==== a property called __doc__
class C:
    @property
    def __doc__(self): return 1
def f(x): return C().__doc__
----
class C:
    @property
    def __doc__(self): return 2
def f(x): return C().__doc__
==== type arguments of a base that are read
from typing import Generic, TypeVar
T = TypeVar("T")
class Base(Generic[T]): pass
class C(Base[int]): pass
def f(x): return C.__orig_bases__[0].__args__[0](x)
----
from typing import Generic, TypeVar
T = TypeVar("T")
class Base(Generic[T]): pass
class C(Base[str]): pass
def f(x): return C.__orig_bases__[0].__args__[0](x)
==== a variable bound in an annotation
def f(x):
    def g(a: (y := 5)): return a
    return g(x) + y
----
def f(x):
    def g(a: (y := 6)): return a
    return g(x) + y
==== the last of two ways to the end
def f(x):
    if x: x.a()
    else: x.b()
----
def f(x):
    if x: x.a()
    x.b()
==== a return inside or behind a try
def f(x):
    try: x.a()
    except ValueError: return 1
    return x.b()
----
def f(x):
    try:
        x.a()
        return x.b()
    except ValueError: return 1
==== a captured variable that is read by name
def f(x):
    a, b = 1, 2
    def g():
        nonlocal a
        return eval("a")
    return g()
----
def f(x):
    a, b = 1, 2
    def g():
        nonlocal b
        return eval("a")
    return g()
==== which variable a nested function shares
def f(x):
    a = b = x
    def g():
        nonlocal a
        a = 1
    g()
    return a, b
----
def f(x):
    a = b = x
    def g():
        nonlocal b
        b = 1
    g()
    return a, b
==== a variable of its own or shared
def f(x):
    a = x
    def g():
        nonlocal a
        a = 1
    g()
    return a
----
def f(x):
    a = x
    def g():
        a = 1
    g()
    return a
==== annotations below a decorator of one's own that reads them
def checked(g):
    kind = g.__annotations__["a"]
    return lambda x: g(kind(x))
def f(x):
    @checked
    def g(a: int): return a
    return g(x)
----
def checked(g):
    kind = g.__annotations__["a"]
    return lambda x: g(kind(x))
def f(x):
    @checked
    def g(a: float): return a
    return g(x)
==== annotations below a decorator that cannot be seen into
import typing
def f(x, deco):
    @deco
    def g(a: int): return a
    return g(x)
----
import typing
def f(x, deco):
    @deco
    def g(a: float): return a
    return g(x)
==== equal constants in a set, of which the first stays
def f(x): return {1, True}
----
def f(x): return {True, 1}
==== a list literal in another order
def f(x): return ["a", "b"]
----
def f(x): return ["b", "a"]
==== functions of one version word
import dtset
@dtset.version("1")
def g(x): return x + 1
def f(x): return g(x)
----
import dtset
@dtset.version("1")
def h(x): return x * 100
g = h
def f(x): return g(x)
==== parameters of a versioned function
import dtset
@dtset.version("1")
def f(x): return x
----
import dtset
@dtset.version("1")
def f(y): return y
==== bound of a type variable in use
from typing import TypeVar, cast
T = TypeVar("T", bound="int")
def f(x): return T.__bound__
----
from typing import TypeVar, cast
T = TypeVar("T", bound="str")
def f(x): return T.__bound__
==== what a new type stands for
from typing import NewType
UserId = NewType("UserId", int)
def f(x): return UserId.__supertype__(x)
----
from typing import NewType
UserId = NewType("UserId", str)
def f(x): return UserId.__supertype__(x)
""",
)

ERRORS = pairs_of(
    "error",
    """\
==== socket
def f(x): return x
----
import socket
def make():
    conn = socket.socket()
    conn.close()
    return lambda x: conn
f = make()
==== lock
def f(x): return x
----
import threading
LOCK = threading.Lock()
def f(x):
    with LOCK: return x
==== open file
def f(x): return x
----
import os
H = open(os.devnull)
def f(x): return H
==== generator
def f(x): return x
----
G = (i for i in range(3))
def f(x): return next(G)
==== thread
def f(x): return x
----
import threading
T = threading.Thread()
def f(x): return T
==== identity only
def f(x): return x
----
def make():
    sentinel = object()
    return lambda x: x is sentinel
f = make()
==== import by a made name
def f(x): return x
----
import importlib
def f(x): return importlib.import_module(x)
==== module that cannot be imported
def f(x): return x
----
def f(x):
    import broken
    return broken.g()
# file broken.py
raise RuntimeError("no")
==== context variable
def f(x): return x
----
import contextvars
V = contextvars.ContextVar("v")
def f(x): return V.get()
==== weak reference
def f(x): return x
----
import weakref
class C: pass
c = C()
R = weakref.ref(c)
def f(x): return R()
==== ufunc made at run time
def f(x): return x
----
import numpy as np
U = np.frompyfunc(lambda a: a, 1, 1)
def f(x): return U(x)
==== any loaded module
def f(x): return x
----
import sys
def f(x): return sys.modules[x].LIMIT
""",
)

PAIRS = SAME + DIFFERENT + ERRORS
