"""Every kind of function and class arrives in another process and works there."""

from __future__ import annotations

from typing import Any


def test_functions_of_every_kind_work_in_another_process(trip: Any) -> None:
    shipment = trip.send(
        """
        import functools, operator, sys
        from functools import lru_cache, partial, singledispatch, wraps
        LIMIT = 10
        def plain(x, y=2, *, z=3): return x + y + z + LIMIT
        def fact(n): return 1 if n < 2 else n * fact(n - 1)
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def adder(n):
            def add(x): return x + n
            return add
        def counter():
            n = 0
            def inc():
                nonlocal n
                n += 1
                return n
            def get(): return n
            return inc, get
        inc, get = counter()
        def inner_recursion():
            def down(n): return 0 if n == 0 else down(n - 1)
            return down
        def generate(n):
            for i in range(n): yield i * LIMIT
        def logged(f):
            @wraps(f)
            def wrapper(*args): return ("logged", f(*args))
            wrapper.calls = 7
            return wrapper
        @logged
        def decorated(x):
            "doc of decorated"
            return x + 1
        @lru_cache(maxsize=17)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        fib(20)
        def local_cache():
            @functools.cache
            def f(n): return 0 if n == 0 else f(n - 1) + 1
            return f
        @singledispatch
        def show(x): return "any"
        @show.register
        def _(x: int): return f"int {LIMIT}"
        @show.register(list)
        def _(x): return [show(i) for i in x]
        class Callable:
            def __init__(self, k): self.k = k
            def __call__(self, x): return x * self.k + LIMIT
            def method(self, x): return x - self.k
            @classmethod
            def make(cls, k): return cls(k)
            @staticmethod
            def twice(x): return 2 * x
        def uses_nested(x):
            class Local:
                limit = LIMIT
                def get(self): return self.limit + x
            return Local().get(), [LIMIT + i for i in range(2)], (lambda: LIMIT)()
        async def coroutine(x): return x + LIMIT
        def uses_stdlib(x):
            import concurrent.futures
            return concurrent.futures.Future is not None and operator.add(x, 1)
        import concurrent.futures
        def reads_submodule(): return concurrent.futures.ThreadPoolExecutor.__name__
        def prints(): print("out", file=sys.stdout)
        SEND = dict(plain=plain, fact=fact, even=even, add=adder(5), inc=inc, get=get,
            down=inner_recursion(), generate=generate, decorated=decorated, fib=fib, cache=local_cache(),
            show=show, call=Callable(3), method=Callable(3).method, make=Callable.make, twice=Callable.twice,
            unbound=Callable.method, part=partial(plain, 1, z=0), lam=lambda x: x + LIMIT, nested=uses_nested,
            coroutine=coroutine, stdlib=uses_stdlib, submodule=reads_submodule, prints=prints,
            builtin=len, ctype=int, op=operator.itemgetter(1), upper=str.upper, bound="a-b".split)
        """
    )
    out = trip.receive(
        """
        import asyncio
        assert o["plain"](1) == 16 and o["fact"](5) == 120 and o["even"](10) and o["add"](1) == 6
        assert (o["inc"](), o["inc"](), o["get"]()) == (1, 2, 2)
        assert o["down"](50) == 0 and list(o["generate"](3)) == [0, 10, 20]
        d = o["decorated"]
        assert d(1) == ("logged", 2) and d.__name__ == "decorated" and d.__doc__ == "doc of decorated"
        assert d.__wrapped__(1) == 2 and d.calls == 7 and d.__module__ == "__main__"
        assert o["fib"].cache_info() == (0, 0, 17, 0) and o["fib"](30) == 832040
        assert o["fib"].__name__ == "fib" and o["cache"](5) == 5
        assert o["show"](1) == "int 10" and o["show"]([1, "x"]) == ["int 10", "any"]
        assert o["show"].__name__ == "show"
        assert o["call"](2) == 16 and o["method"](9) == 6 and o["make"](4)(1) == 14 and o["twice"](4) == 8
        assert o["unbound"](o["call"], 5) == 2 and o["part"]() == 13 and o["lam"](1) == 11
        assert o["nested"](1) == (11, [10, 11], 10)
        assert asyncio.run(o["coroutine"](1)) == 11
        assert o["stdlib"](1) == 2 and o["submodule"]() == "ThreadPoolExecutor"
        o["prints"]()
        assert o["builtin"] is len and o["ctype"] is int and o["op"]("ab") == "b"
        assert o["upper"]("a") == "A" and o["bound"]("-") == ["a", "b"]
        assert type(o["call"]) is o["make"].__self__
        """,
        shipment,
    )
    assert out == "out\n"


def test_classes_of_every_kind_work_in_another_process(trip: Any) -> None:
    shipment = trip.send(
        """
        import abc, collections, dataclasses, enum, typing
        from dataclasses import dataclass, field
        from functools import cached_property, singledispatchmethod
        T = typing.TypeVar("T")
        UserId = typing.NewType("UserId", int)
        @dataclass
        class Rec:
            a: int
            b: list = field(default_factory=list)
            c: str = "c"
            def score(self): return self.a * FACTOR
        FACTOR = 3
        @dataclass(frozen=True, order=True, slots=True)
        class Key:
            x: int
            y: int = 0
        class Salted:
            def __init__(self, v): self.v = v
            def __eq__(self, o): return isinstance(o, Salted) and o.v == self.v
            def __hash__(self): return hash((salt(), self.v))
        def salt(): return SALT
        SALT = 5
        TABLE = {Key(1): "one", Salted(1): "salted"}
        SET = frozenset({Salted(2), Key(2)})
        class Color(enum.Enum):
            RED = 1
            GREEN = 2
            CRIMSON = 1
            def hot(self): return self is Color.RED
        class Planet(enum.Enum):
            EARTH = (5.9, 6.3)
            MARS = (0.6, 3.3)
            def __init__(self, mass, radius): self.mass, self.radius = mass, radius
        class Level(enum.IntEnum):
            LOW = 1
            HIGH = 2
        class Name(str, enum.Enum):
            A = "a"
            B = "b"
        class Perm(enum.Flag):
            R = 1
            W = 2
        class IPerm(enum.IntFlag):
            R = 1
            W = 2
        both = Perm.R | Perm.W
        class Nt(typing.NamedTuple):
            a: int
            b: int = 2
            def total(self): return self.a + self.b + FACTOR
        Old = collections.namedtuple("Old", "x y")
        class Base(abc.ABC):
            @abc.abstractmethod
            def f(self): ...
            @property
            def p(self): return self.f() + 1
        class Derived(Base):
            def f(self): return super().__init__() or 41
        @Base.register
        class Virtual: pass
        class Registry(type):
            known = {}
            def __new__(meta, name, bases, ns):
                assert name not in meta.known, "made twice"
                cls = super().__new__(meta, name, bases, ns)
                meta.known[name] = cls
                return cls
        class Plugin(metaclass=Registry): pass
        class Special(Plugin): kind = "special"
        class Sub:
            seen = []
            def __init_subclass__(cls, *, tag, **kw):
                super().__init_subclass__(**kw)
                cls.tag = tag
                Sub.seen.append(cls.__name__)
        class Tagged(Sub, tag="t"): pass
        class Generic(typing.Generic[T]):
            def id(self, x: T) -> T: return x
        class IntGeneric(Generic[int]): pass
        class Proto(typing.Protocol):
            def f(self) -> int: ...
        class TD(typing.TypedDict):
            a: int
        class Slotted:
            __slots__ = ("x", "__private", "__weakref__")
            def __init__(self): self.x = 1; self.__private = 2
            def both(self): return self.x, self.__private
        class Cached:
            @cached_property
            def value(self): return FACTOR * 2
            @singledispatchmethod
            def kind(self, x): return "any"
            @kind.register
            def _(self, x: int): return "int"
        class Oops(Exception):
            def __init__(self, code): super().__init__(f"code {code}"); self.code = code
        def raiser(): raise Oops(7)
        def matches(x):
            match x:
                case Rec(a=a): return ("rec", a)
                case Nt(a, b): return ("nt", a, b)
                case Color.GREEN: return "green"
                case _: return None
        class Node:
            def __init__(self): self.me = self; self.cls = Node
        class MyDict(dict):
            def __missing__(self, key): return FACTOR
        class MyList(list): pass
        class _Missing:
            def __reduce__(self): return "MISSING"
        MISSING = _Missing()
        SENTINEL = object()
        def sentinel(x=MISSING, y=SENTINEL): return x is MISSING and y is SENTINEL
        class Outer:
            class Inner:
                def f(self): return "inner"
        def replaced(r): return dataclasses.replace(r, a=r.a + 1)
        def fields(): return [f.default is dataclasses.MISSING for f in dataclasses.fields(Rec)]
        def extend():
            @dataclass
            class More(Rec):
                d: int = 4
            return More(1)
        def plugins(): return sorted(c.__name__ for c in Sub.__subclasses__())
        SEND = dict(rec=Rec(2), Rec=Rec, key=Key(1), table=lambda: TABLE, sets=lambda: SET, Color=Color, red=Color.RED,
            Planet=Planet, Level=Level, Name=Name, both=both, Perm=Perm, IPerm=IPerm, Nt=Nt, nt=Nt(1), Old=Old, old=Old(1, 2), Base=Base,
            Derived=Derived, Virtual=Virtual, Special=Special, registry=lambda: Registry.known, Tagged=Tagged, Sub=Sub,
            IntGeneric=IntGeneric, Generic=Generic, Proto=Proto, TD=TD, Slotted=Slotted, slotted=Slotted(), Cached=Cached,
            raiser=raiser, Oops=Oops, matches=matches, node=Node(), mydict=MyDict(a=1), mylist=MyList([1]), sentinel=sentinel,
            inner=Outer.Inner(), replaced=replaced, fields=fields, extend=extend, UserId=UserId, plugins=plugins)
        CLASSES = [("__main__", "Rec"), ("__main__", "Outer.Inner"), ("collections", "Counter")]
        """
    )
    trip.receive(
        """
        import pickle, copy
        Rec = o["Rec"]
        assert type(o["rec"]) is Rec and o["rec"].score() == 6 and o["rec"] == Rec(2) and repr(o["rec"]) == "Rec(a=2, b=[], c='c')"
        assert p.resolve("__main__", "Rec") is Rec and p.resolve("__main__", "Outer.Inner") is type(o["inner"])
        assert p.resolve("collections", "Counter").__name__ == "Counter"
        Key = type(o["key"])
        assert o["key"] < Key(2) and o["table"]()[Key(1)] == "one" and Key(2) in o["sets"]()
        Salted = next(type(k) for k in o["table"]() if type(k) is not Key)
        assert o["table"]()[Salted(1)] == "salted" and Salted(2) in o["sets"]()
        C = o["Color"]
        assert o["red"] is C.RED is C(1) is C["RED"] is C.CRIMSON and C.RED.hot() and not C.GREEN.hot() and [c.name for c in C] == ["RED", "GREEN"]
        assert C.RED.value == 1 and isinstance(C.RED, C) and repr(C.RED) == "<Color.RED: 1>" and len(C) == 2
        assert copy.deepcopy(C.RED) is C.RED
        assert o["Planet"].EARTH.mass == 5.9 and o["Planet"]((0.6, 3.3)) is o["Planet"].MARS
        assert o["Level"].LOW < o["Level"].HIGH == 2 and o["Level"](2) is o["Level"].HIGH
        assert o["Name"].A == "a" and o["Name"]("a") is o["Name"].A and isinstance(o["Name"].A, str)
        P = o["Perm"]
        assert o["both"] is P.R | P.W and P.R in o["both"] and ~P.R is P.W and o["IPerm"].R | 2 == 3
        assert o["nt"].total() == 6 and o["Nt"](5)._replace(a=1) == o["nt"] and o["nt"]._asdict() == {"a": 1, "b": 2}
        assert o["old"] == o["Old"](1, 2) and o["Old"]._make([3, 4]).y == 4 and repr(o["old"]) == "Old(x=1, y=2)"
        assert o["Derived"]().p == 42 and isinstance(o["Virtual"](), o["Base"])
        raises(TypeError, "abstract", o["Base"])
        assert o["Special"].kind == "special" and list(o["registry"]()) == ["Plugin", "Special"]
        assert o["registry"]()["Special"] is o["Special"]
        assert o["Tagged"].tag == "t" and o["Sub"].seen == ["Tagged"] and o["plugins"]() == ["Tagged"]
        class Later(o["Sub"], tag="later"): pass
        assert Later.tag == "later" and o["Sub"].seen == ["Tagged", "Later"]
        assert o["IntGeneric"]().id(3) == 3 and o["Generic"][str]
        assert o["TD"](a=1) == {"a": 1} and o["UserId"](3) == 3 and o["UserId"].__name__ == "UserId"
        assert o["slotted"].both() == (1, 2) and not hasattr(o["slotted"], "__dict__") and o["Slotted"]().both() == (1, 2)
        c = o["Cached"]()
        assert c.value == 6 and c.kind(1) == "int" and c.kind("") == "any"
        try:
            o["raiser"]()
        except o["Oops"] as e:
            assert e.code == 7
        assert o["matches"](o["rec"]) == ("rec", 2) and o["matches"](o["nt"]) == ("nt", 1, 2) and o["matches"](C.GREEN) == "green"
        assert o["node"].me is o["node"] and o["node"].cls is type(o["node"])
        assert o["mydict"]["zz"] == 3 and o["mylist"] == [1] and o["sentinel"]() and o["inner"].f() == "inner"
        assert o["replaced"](o["rec"]).a == 3 and o["fields"]() == [True, True, False] and o["extend"]().d == 4
        """,
        shipment,
    )


def test_classes_that_refer_to_each_other_are_built_once(trip: Any) -> None:
    shipment = trip.send(
        """
        import enum
        TABLE = "a name keeps its place when it is bound again"
        class Base:
            known = {}
            def __init_subclass__(cls, **kw): Base.known[cls.__name__] = cls
        class A(Base): other = None
        class B(Base): partner = A
        A.other = B
        class E(enum.Enum):
            X = A
            Y = (A, B)
        class Key:
            def __init__(self, v): self.v = v
            def __hash__(self): return hash(norm(self.v))
            def __eq__(self, o): return type(o) is Key and norm(o.v) == norm(self.v)
        NORM = {1: 10}
        def norm(v): return NORM.get(v, v)
        TABLE = {Key(1): "a"}
        class classproperty(property):
            def __get__(self, o, c): return self.fget(c)
        class P:
            @classproperty
            def name(cls): return cls.__name__
        def kinds(): return sorted(Base.known), sorted(c.__name__ for c in Base.__subclasses__())
        SEND = dict(b=B(), kinds=kinds, a=lambda: A.other.partner is A, y=E.Y, x=lambda: E(A) is E.X,
            table=lambda: TABLE[Key(1)], P=P)
        """
    )
    trip.receive(
        """
        assert o["kinds"]() == (["A", "B"], ["A", "B"]) and o["a"]() and o["x"]()
        assert o["y"].value[1] is type(o["b"]) and o["table"]() == "a" and o["P"].name == "P"
        """,
        shipment,
    )
