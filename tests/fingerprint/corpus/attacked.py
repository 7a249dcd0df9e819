"""Pairs that an attack on the fingerprints found wrong, and that have been right since."""

from tests.fingerprint.corpus.pairs import pairs_of

SAME = pairs_of(
    "same",
    """\
==== protocol class instantiated before
from typing import Protocol
class P(Protocol):
    def m(self): ...
class C(P):
    def m(self): return 1
def f(x): return C().m()
----
from typing import Protocol
class P(Protocol):
    def m(self): ...
class C(P):
    def m(self): return 1
C()
def f(x): return C().m()
==== from scipy.stats import norm
from scipy.stats import norm
def f(x): return norm.cdf(x)
----
from scipy.stats import norm
def f(x): return norm.cdf(x)
==== frozen scipy distribution
from scipy import stats
D = stats.norm(0, 1)
def f(x): return D.pdf(x)
----
from scipy import stats
D = stats.norm(0, 1)
def f(x): return D.pdf(x)
==== dict keys view as a global
S = {"a": int, "b": str}
COLS = S.keys()
def f(x): return x in COLS
----
S = {"a": int, "b": str}
COLS = S.keys()
def f(x): return x in COLS
==== dict items and values view
S = {"a": 1, "b": 2}
I = S.items(); V = S.values()
def f(x): return list(I), list(V)
----
S = {"a": 1, "b": 2}
I = S.items(); V = S.values()
def f(x): return list(I), list(V)
==== struct.Struct
import struct
S = struct.Struct("<IH")
def f(x): return S.unpack(x)
----
import struct
S = struct.Struct("<IH")
def f(x): return S.unpack(x)
==== json decoder global
import json
D = json.JSONDecoder()
def f(x): return D.decode(x)
----
import json
D = json.JSONDecoder()
def f(x): return D.decode(x)
==== bound decode of a json decoder
import json
decode = json.JSONDecoder(strict=False).raw_decode
def f(x): return decode(x)
----
import json
decode = json.JSONDecoder(strict=False).raw_decode
def f(x): return decode(x)
==== cmp_to_key
import functools
def cmp(a, b): return (a > b) - (a < b)
KEY = functools.cmp_to_key(cmp)
def f(x): return sorted(x, key=KEY)
----
import functools
def cmp(a, b): return (a > b) - (a < b)
KEY = functools.cmp_to_key(cmp)
def f(x): return sorted(x, key=KEY)
==== stderr as a default
import sys
def log(msg, file=sys.stderr): print(msg, file=file)
def f(x):
    log("hi"); return x
----
import sys
def log(msg, file=sys.stderr): print(msg, file=file)
def f(x):
    log("hi"); return x
==== from sys import stderr
from sys import stderr
def f(x):
    print(x, file=stderr); return x
----
from sys import stderr
def f(x):
    print(x, file=stderr); return x
==== classproperty snippet
class classproperty(property):
    def __get__(self, owner_self, owner_cls): return self.fget(owner_cls)
class C:
    n = 3
    @classproperty
    def p(cls): return cls.n
def f(x): return C.p
----
class classproperty(property):
    def __get__(self, owner_self, owner_cls): return self.fget(owner_cls)
class C:
    n = 3
    @classproperty
    def p(cls): return cls.n
def f(x): return C.p
==== subclass of cached_property
import functools
class lazy(functools.cached_property): pass
class C:
    @lazy
    def p(self): return 3
def f(x): return C().p
----
import functools
class lazy(functools.cached_property): pass
class C:
    @lazy
    def p(self): return 3
def f(x): return C().p
==== very large integer
MASK = (1 << 20000) - 1
def f(x): return x & MASK
----
MASK = (1 << 20000) - 1
def f(x): return x & MASK
==== very large integer in a tuple and a dict
T = (10**5000, 1)
D = {10**5000: object}
def f(x): return T, D
----
T = (10**5000, 1)
D = {10**5000: object}
def f(x): return T, D
==== vectorize with otypes called before
import numpy as np
g = np.vectorize(lambda x: x + 1, otypes=[float])
def f(x): return g(x)
----
import numpy as np
g = np.vectorize(lambda x: x + 1, otypes=[float])
g([1, 2])
def f(x): return g(x)
==== random._inst held
import random
R = random._inst
def f(x): return R.random()
----
import random
R = random._inst
def f(x): return R.random()
==== check_random_state(None)
from sklearn.utils import check_random_state
R = check_random_state(None)
def f(x): return R.rand()
----
from sklearn.utils import check_random_state
R = check_random_state(None)
def f(x): return R.rand()
==== fsspec filesystem
import fsspec
fs = fsspec.filesystem("file")
def f(x): return fs.open(x)
----
import fsspec
fs = fsspec.filesystem("file")
def f(x): return fs.open(x)
==== s3fs filesystem
import s3fs
fs = s3fs.S3FileSystem(anon=True)
def f(x): return fs.ls(x)
----
import s3fs
fs = s3fs.S3FileSystem(anon=True)
def f(x): return fs.ls(x)
==== fsspec open file
import fsspec
o = fsspec.open("/tmp/x.csv.gz", compression="gzip")
def f(x): return o
----
import fsspec
o = fsspec.open("/tmp/x.csv.gz", compression="gzip")
def f(x): return o
==== toolz curry decorated
from toolz import curry
@curry
def g(a, b): return a + b
def f(x): return g(1)(x)
----
from toolz import curry
@curry
def g(a, b): return a + b
def f(x): return g(1)(x)
==== toolz curry applied
from toolz import curry
@curry
def g(a, b): return a + b
inc = g(1)
def f(x): return inc(x)
----
from toolz import curry
@curry
def g(a, b): return a + b
inc = g(1)
def f(x): return inc(x)
==== networkx graph used before
import networkx as nx
G = nx.DiGraph([("a", "b"), ("b", "c")])
def f(x): return nx.descendants(G, x)
----
import networkx as nx
G = nx.DiGraph([("a", "b"), ("b", "c")])
G.degree("a"); list(G.edges); nx.shortest_path(G, "a", "c"); G.adj
def f(x): return nx.descendants(G, x)
==== pandas dtype used before
import pandas as pd
D = pd.Int64Dtype()
def f(x): return x.astype(D)
----
import pandas as pd
D = pd.Int64Dtype()
D.numpy_dtype, D.kind, D.itemsize
pd.Series([1, None]).astype(D)
def f(x): return x.astype(D)
==== pandas schema dict of dtypes
import pandas as pd
D = {"a": pd.Int64Dtype(), "b": pd.StringDtype(), "c": pd.CategoricalDtype(["x"]), "d": "float64", "e": pd.DatetimeTZDtype(tz="UTC"), "f": pd.BooleanDtype(), "g": pd.ArrowDtype(__import__("pyarrow").int64())}
def f(x): return x.astype(D)
----
import pandas as pd
D = {"a": pd.Int64Dtype(), "b": pd.StringDtype(), "c": pd.CategoricalDtype(["x"]), "d": "float64", "e": pd.DatetimeTZDtype(tz="UTC"), "f": pd.BooleanDtype(), "g": pd.ArrowDtype(__import__("pyarrow").int64())}
for d in D.values():
    try: pd.Series([None]).astype(d)
    except Exception: pass
    for n in ("numpy_dtype", "kind", "itemsize", "type", "name", "na_value"):
        try: getattr(d, n)
        except Exception: pass
def f(x): return x.astype(D)
==== pandas masked array other values below the mask
import pandas as pd
S = pd.Series([1, None, 3], dtype="Int64")
def f(x): return S
----
import pandas as pd
S = pd.Series([1, 5, 3], dtype="Int64")
S = S.where(S != 5)
def f(x): return S
==== pandas strings made by concat
import pandas as pd
D = pd.DataFrame({"b": ["x", "y", "z"]})
def f(x): return D
----
import pandas as pd
D = pd.concat([pd.DataFrame({"b": ["x"]}), pd.DataFrame({"b": ["y", "z"]})], ignore_index=True)
def f(x): return D
==== pandas blocks
import pandas as pd
D = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
def f(x): return D
----
import pandas as pd
D = pd.DataFrame({"a": [1, 2]}); D["b"] = [3, 4]
def f(x): return D
==== pandas many values
import pandas as pd, datetime as dt
V = [pd.Timestamp("2020", tz="Europe/Berlin"), pd.Timedelta("1d"), pd.NA, pd.NaT, pd.offsets.BDay(), pd.DateOffset(months=1), pd.Period("2020-01"), pd.Interval(1, 2), pd.Grouper(key="a", freq="D"), pd.NamedAgg("a", "sum"), pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]), pd.offsets.MonthEnd(), pd.IndexSlice, pd.api.types.CategoricalDtype(["a"]), pd.array([True, None]), pd.arrays.SparseArray([0, 1]), pd.interval_range(0, 3), pd.period_range("2020", periods=3, freq="M"), pd.date_range("2020", periods=3, tz="UTC"), pd.timedelta_range("1d", periods=2), pd.MultiIndex.from_tuples([("a", 1)]), pd.CategoricalIndex(["a"])]
def f(x): return V
----
import pandas as pd, datetime as dt
V = [pd.Timestamp("2020", tz="Europe/Berlin"), pd.Timedelta("1d"), pd.NA, pd.NaT, pd.offsets.BDay(), pd.DateOffset(months=1), pd.Period("2020-01"), pd.Interval(1, 2), pd.Grouper(key="a", freq="D"), pd.NamedAgg("a", "sum"), pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]), pd.offsets.MonthEnd(), pd.IndexSlice, pd.api.types.CategoricalDtype(["a"]), pd.array([True, None]), pd.arrays.SparseArray([0, 1]), pd.interval_range(0, 3), pd.period_range("2020", periods=3, freq="M"), pd.date_range("2020", periods=3, tz="UTC"), pd.timedelta_range("1d", periods=2), pd.MultiIndex.from_tuples([("a", 1)]), pd.CategoricalIndex(["a"])]
def f(x): return V
==== pandas holiday calendar used before
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar
C = USFederalHolidayCalendar()
def f(x): return C.holidays()
----
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar
C = USFederalHolidayCalendar()
C.holidays("2020", "2021")
def f(x): return C.holidays()
==== sklearn text
from sklearn.feature_extraction.text import TfidfVectorizer, ENGLISH_STOP_WORDS
M = TfidfVectorizer(stop_words="english").fit(["a b c dog", "cat dog"])
def f(x): return M.transform(x), ENGLISH_STOP_WORDS
----
from sklearn.feature_extraction.text import TfidfVectorizer, ENGLISH_STOP_WORDS
M = TfidfVectorizer(stop_words="english").fit(["a b c dog", "cat dog"])
M.transform(["a dog"]); M.get_feature_names_out()
def f(x): return M.transform(x), ENGLISH_STOP_WORDS
==== long double
import numpy as np
L = np.longdouble(1) / 3
A = np.arange(5, dtype=np.longdouble) / 3
def f(x): return L, A
----
import numpy as np
L = np.longdouble(1) / 3
A = np.arange(5, dtype=np.longdouble) / 3
def f(x): return L, A
==== aligned structured array
import numpy as np
A = np.empty(50, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
A["a"] = 1; A["b"] = 2
def f(x): return A
----
import numpy as np
A = np.empty(50, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
A["a"] = 1; A["b"] = 2
def f(x): return A
==== several fields of a structured array
import numpy as np
A = np.zeros(3, dtype=[("a", "i8"), ("b", "i8"), ("c", "i8")])[["a", "c"]]
def f(x): return A
----
import numpy as np
B = np.zeros(3, dtype=[("a", "i8"), ("b", "i8"), ("c", "i8")]); B["b"] = 7
A = B[["a", "c"]]
def f(x): return A
==== masked array, dask.array imported
import numpy as np
A = np.ma.masked_equal(np.arange(6).reshape(2, 3), 2)
def f(x): return A
----
import dask.array
import numpy as np
A = np.ma.masked_equal(np.arange(6).reshape(2, 3), 2)
def f(x): return A
==== arrow schema, dask.dataframe imported
import pyarrow as pa
S = pa.schema([("a", pa.int64()), ("b", pa.string())])
def f(x): return S
----
import dask.dataframe
import pyarrow as pa
S = pa.schema([("a", pa.int64()), ("b", pa.string())])
def f(x): return S
==== pydantic model
from pydantic import BaseModel, field_validator
class M(BaseModel):
    a: int
    b: str = "x"
    @field_validator("a")
    @classmethod
    def pos(cls, v): return abs(v)
def f(x): return M(a=x)
----
from pydantic import BaseModel, field_validator
class M(BaseModel):
    a: int
    b: str = "x"
    @field_validator("a")
    @classmethod
    def pos(cls, v): return abs(v)
def f(x): return M(a=x)
==== pydantic model, used before
from pydantic import BaseModel
class M(BaseModel):
    a: int
    b: str = "x"
def f(x): return M(a=x)
----
from pydantic import BaseModel
class M(BaseModel):
    a: int
    b: str = "x"
M(a=1).model_dump(); M.model_json_schema(); M.__signature__
def f(x): return M(a=x)
==== pydantic instance as a global, used before
from pydantic import BaseModel
class M(BaseModel):
    a: int
    b: list[str] = []
CFG = M(a=1)
def f(x): return CFG.a
----
from pydantic import BaseModel
class M(BaseModel):
    '''Doc.'''
    a: int
    b: list[str] = []
CFG = M(a=1)
CFG.model_dump_json(); CFG.model_copy()
def f(x): return CFG.a
==== pydantic nested models
from pydantic import BaseModel, Field
from typing import Optional
import datetime as dt, enum
class K(enum.Enum):
    A = "a"
class N(BaseModel):
    k: K = K.A
class M(BaseModel):
    n: N = Field(default_factory=N)
    m: Optional["M"] = None
    d: dt.date | None = None
M.model_rebuild()
def f(x): return M.model_validate(x)
----
from pydantic import BaseModel, Field
from typing import Optional
import datetime as dt, enum
class K(enum.Enum):
    A = "a"
class N(BaseModel):
    k: K = K.A
class M(BaseModel):
    n: N = Field(default_factory=N)
    m: Optional["M"] = None
    d: dt.date | None = None
M.model_rebuild()
def f(x): return M.model_validate(x)
==== pydantic TypeAdapter
from pydantic import TypeAdapter
T = TypeAdapter(list[int])
def f(x): return T.validate_python(x)
----
from pydantic import TypeAdapter
T = TypeAdapter(list[int])
def f(x): return T.validate_python(x)
==== pydantic dataclass
from pydantic.dataclasses import dataclass
@dataclass
class D:
    a: int
def f(x): return D(a=x)
----
from pydantic.dataclasses import dataclass
@dataclass
class D:
    a: int
def f(x): return D(a=x)
==== pydantic validate_call
from pydantic import validate_call
@validate_call
def g(a: int) -> int: return a
def f(x): return g(x)
----
from pydantic import validate_call
@validate_call
def g(a: int) -> int: return a
def f(x): return g(x)
==== attrs class
import attr, attrs
@attrs.define
class P:
    a: int
    b: list = attrs.field(factory=list, validator=attrs.validators.instance_of(list))
@attr.s(auto_attribs=True, frozen=True, hash=True)
class Q:
    a: int = 1
def f(x): return P(x), Q()
----
import attr, attrs
@attrs.define
class P:
    '''Doc.'''
    a: int
    # comment
    b: list = attrs.field(factory=list, validator=attrs.validators.instance_of(list))
@attr.s(auto_attribs=True, frozen=True, hash=True)
class Q:
    a: int = 1
P(1); hash(Q()); attrs.fields(P); attrs.asdict(P(2))
def f(x): return P(x), Q()
==== jinja2 environment used before
import jinja2
E = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ x }}"}))
def f(x): return E.get_template("a").render(x=x)
----
import jinja2
E = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ x }}"}))
E.get_template("a").render(x=1)
def f(x): return E.get_template("a").render(x=x)
==== df.query without @
def f(x):
    total = x.query("a > 1")
    return total
----
def f(x):
    res = x.query("a > 1")
    return res
==== model.eval()
def f(m, x):
    m.eval()
    out = m(x)
    return out
----
def f(m, x):
    m.eval()
    res = m(x)
    return res
==== vars(args) beside a renamed local
import argparse
def show(args): return vars(args)
def f(x):
    total = x + 1
    return show(total)
----
import argparse
def show(args): return vars(args)
def f(x):
    s = x + 1
    return show(s)
==== inspect as a method beside a local
def f(x):
    a = x.inspect()
    return a
----
def f(x):
    b = x.inspect()
    return b
==== csv dialects
import csv
D = csv.get_dialect("excel")
def f(x): return list(csv.reader(x, D))
----
import csv
D = csv.get_dialect("excel")
def f(x): return list(csv.reader(x, D))
==== contextmanager object used as a decorator
import contextlib
@contextlib.contextmanager
def t(): yield
@t()
def g(x): return x
def f(x): return g(x)
----
import contextlib
@contextlib.contextmanager
def t(): yield
@t()
def g(x): return x
def f(x): return g(x)
==== enum with a failing __str__
import enum
class E(enum.Enum):
    A = 1
    def __str__(self): return self.label
M = E.A
def f(x): return M
----
import enum
class E(enum.Enum):
    A = 1
    def __str__(self): return self.label
M = E.A
def f(x): return M
==== typing.final sets an attribute
class C:
    def m(self): return 1
def f(x): return C().m()
----
from typing import final
@final
class C:
    @final
    def m(self): return 1
def f(x): return C().m()
==== typing.override
class B:
    def m(self): return 1
class C(B):
    def m(self): return 2
def f(x): return C().m()
----
from typing_extensions import override, deprecated
class B:
    def m(self): return 1
class C(B):
    @override
    def m(self): return 2
def f(x): return C().m()
==== import in the function of a module not loaded yet
def f(x):
    import wave
    return wave.open(x)
----
import wave
def f(x):
    import wave
    return wave.open(x)
==== imports in another cell or in a star import
import numpy as np
def f(x): return np.sum(x)
----
from common import *
def f(x): return np.sum(x)
# file common.py
import numpy as np
==== a parameter named like a module that is imported now
def f(config): return config.get(1)
----
import config
def f(config): return config.get(1)
# file config.py
A = 1
==== a local named like an import of another name
def f(x):
    json = x
    return json.loads(1)
----
import json
def f(x):
    json = x
    return json.loads(1)
==== function calling a helper module that is imported in the function or outside
import helpers
def f(x): return helpers.g(x)
# file helpers.py
def g(x): return x
----
exec("import helpers")
def f(x): return helpers.g(x)
# file helpers.py
def g(x): return x
==== method call on a name imported by from
from decimal import Decimal
def f(x): return Decimal.from_float(x)
----
import decimal
Decimal = decimal.Decimal
def f(x): return Decimal.from_float(x)
==== pandas series made by pieces of strings
import pandas as pd
S = pd.Series(["a", "b", "c"])
def f(x): return S
----
import pandas as pd
S = pd.concat([pd.Series(["a"]), pd.Series(["b", "c"])], ignore_index=True)
def f(x): return S
==== pandas column added
import pandas as pd
D = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [5., 6.]})
def f(x): return D
----
import pandas as pd
D = pd.DataFrame({"a": [1, 2], "c": [5., 6.]})
D.insert(1, "b", [3, 4])
def f(x): return D
==== pandas boolean array with missing values
import pandas as pd
S = pd.array([True, None, False])
def f(x): return S
----
import pandas as pd
S = pd.array([True, None, False])
def f(x): return S
==== attrs frozen class
import attrs
@attrs.frozen
class P:
    a: int
def f(x): return P(x)
----
import attrs
@attrs.frozen
class P:
    a: int
def f(x): return P(x)
""",
)

DIFFERENT = pairs_of(
    "different",
    """\
==== toolz curry of another body
from toolz import curry
@curry
def g(a, b): return a + b
def f(x): return g(1)(x)
----
from toolz import curry
@curry
def g(a, b): return a - b
def f(x): return g(1)(x)
==== sub-class of classmethod with another __get__
class cm(classmethod):
    def __get__(self, o, c): return lambda: 1
class C:
    @cm
    def m(cls): return 0
def f(x): return C.m()
----
class cm(classmethod):
    def __get__(self, o, c): return lambda: 2
class C:
    @cm
    def m(cls): return 0
def f(x): return C.m()
==== attribute of a cached function
import functools
@functools.lru_cache
def g(x): return x
g.k = 1
def f(x): return g.k
----
import functools
@functools.lru_cache
def g(x): return x
g.k = 2
def f(x): return g.k
==== query reads a global by @
import pandas as pd
LIMIT = 1
D = pd.DataFrame({"a": [1, 2, 3]})
def f(x): return D.query("a > @LIMIT")["a"].tolist()
----
import pandas as pd
LIMIT = 2
D = pd.DataFrame({"a": [1, 2, 3]})
def f(x): return D.query("a > @LIMIT")["a"].tolist()
==== DataFrame.eval reads a global by @
import pandas as pd
K = 1
def f(x): return pd.DataFrame({"a": [1, 2, 3]}).eval("a * @K").tolist()
----
import pandas as pd
K = 2
def f(x): return pd.DataFrame({"a": [1, 2, 3]}).eval("a * @K").tolist()
==== pd.eval reads a global
import pandas as pd
K = 1
def f(x): return int(pd.eval("K * 2"))
----
import pandas as pd
K = 2
def f(x): return int(pd.eval("K * 2"))
==== defaults of a namedtuple's __new__
import collections
P = collections.namedtuple("P", "x y")
P.__new__.__defaults__ = (1,)
def f(x): return tuple(P(0))
----
import collections
P = collections.namedtuple("P", "x y")
P.__new__.__defaults__ = (2,)
def f(x): return tuple(P(0))
==== field of a namedtuple replaced
import collections
P = collections.namedtuple("P", "x y")
def f(x): return P(0, 1).x
----
import collections
P = collections.namedtuple("P", "x y")
P.x = property(lambda self: 7)
def f(x): return P(0, 1).x
==== alias of a dataclasses function as method
import dataclasses
@dataclasses.dataclass
class P:
    a: int = 1
    _export = dataclasses.asdict
def f(x): return P()._export()
----
import dataclasses
@dataclasses.dataclass
class P:
    a: int = 1
    _export = dataclasses.astuple
def f(x): return P()._export()
==== defaults of a dataclass's __init__ replaced
import dataclasses
@dataclasses.dataclass
class P:
    a: int = 1
def f(x): return P().a
----
import dataclasses
@dataclasses.dataclass
class P:
    a: int = 1
P.__init__.__defaults__ = (5,)
def f(x): return P().a
==== boundary of a flag
import enum
class E(enum.Flag, boundary=enum.CONFORM):
    A = 1
    B = 2
def f(x): return E(9).value
----
import enum
class E(enum.Flag, boundary=enum.KEEP):
    A = 1
    B = 2
def f(x): return E(9).value
==== docstring of an enum
import enum
class E(enum.Enum):
    "one"
    A = 1
def f(x): return E.__doc__
----
import enum
class E(enum.Enum):
    "two"
    A = 1
def f(x): return E.__doc__
==== docstring of an enum member
import enum
class E(enum.Enum):
    def __new__(cls, v, doc):
        o = object.__new__(cls); o._value_ = v; o.__doc__ = doc
        return o
    A = 1, "first"
def f(x): return E.A.__doc__
----
import enum
class E(enum.Enum):
    def __new__(cls, v, doc):
        o = object.__new__(cls); o._value_ = v; o.__doc__ = doc
        return o
    A = 1, "second"
def f(x): return E.A.__doc__
==== getattr by a made constant
import cfg
def f(x): return getattr(cfg, "limit".upper())
# file cfg.py
LIMIT = 1
limit = 0
----
import cfg
def f(x): return getattr(cfg, "limit".upper())
# file cfg.py
LIMIT = 2
limit = 0
==== getattr by a subscripted constant
import cfg
def f(x): return getattr(cfg, "AB"[x])
# file cfg.py
A = 1
B = 1
----
import cfg
def f(x): return getattr(cfg, "AB"[x])
# file cfg.py
A = 1
B = 2
==== eval of a made constant
t = 1
T = 0
def f(x): return eval("T".lower())
----
t = 2
T = 0
def f(x): return eval("T".lower())
==== eval through the builtins module
import builtins
T = 1
def f(x): return builtins.eval("T")
----
import builtins
T = 2
def f(x): return builtins.eval("T")
==== globals through the builtins module
import builtins
T = 1
def f(x): return builtins.globals()["T"]
----
import builtins
T = 2
def f(x): return builtins.globals()["T"]
==== import through the builtins module
import builtins, cfg
def f(x): return builtins.__import__("cfg").LIMIT
# file cfg.py
LIMIT = 1
----
import builtins, cfg
def f(x): return builtins.__import__("cfg").LIMIT
# file cfg.py
LIMIT = 2
==== a helper elsewhere reads its caller's globals
from elsewhere import lookup
T = 1
def f(x): return lookup("T")
# file elsewhere.py
import sys
def lookup(name): return sys._getframe(1).f_globals[name]
----
from elsewhere import lookup
T = 2
def f(x): return lookup("T")
# file elsewhere.py
import sys
def lookup(name): return sys._getframe(1).f_globals[name]
==== dunder of a module read in a helper
import cfg
def version_of(m): return m.__version__
def f(x): return version_of(cfg)
# file cfg.py
__version__ = "1"
----
import cfg
def version_of(m): return m.__version__
def f(x): return version_of(cfg)
# file cfg.py
__version__ = "2"
==== dunder global by globals().get
__version__ = "1"
def f(x): return globals().get("__version__")
----
__version__ = "2"
def f(x): return globals().get("__version__")
==== name of a module read in a helper
import cfg
def name_of(m): return m.__name__
def f(x): return name_of(cfg)
# file cfg.py
A = 1
----
import cfg2 as cfg
def name_of(m): return m.__name__
def f(x): return name_of(cfg)
# file cfg2.py
A = 1
==== docstring of a module read in a helper
import cfg
def doc_of(m): return m.__doc__
def f(x): return doc_of(cfg)
# file cfg.py
"one"
A = 1
----
import cfg
def doc_of(m): return m.__doc__
def f(x): return doc_of(cfg)
# file cfg.py
"two"
A = 1
==== order of step functions found in globals
def step_a(x): return "a"
def step_b(x): return "b"
def f(x): return [v(x) for k, v in globals().items() if k.startswith("step_")]
----
def step_b(x): return "b"
def step_a(x): return "a"
def f(x): return [v(x) for k, v in globals().items() if k.startswith("step_")]
==== order of the constants of a module
import cfg
def f(x): return [k for k in vars(cfg) if k.isupper()]
# file cfg.py
A = 1
B = 2
----
import cfg
def f(x): return [k for k in vars(cfg) if k.isupper()]
# file cfg.py
B = 2
A = 1
==== order of subclasses
class Base: pass
class C(Base): pass
class D(Base): pass
def f(x): return [c.__name__ for c in Base.__subclasses__()]
----
class Base: pass
class D(Base): pass
class C(Base): pass
def f(x): return [c.__name__ for c in Base.__subclasses__()]
==== order in the repr of a namespace
import types
N = types.SimpleNamespace(a=1, b=2)
def f(x): return str(N)
----
import types
N = types.SimpleNamespace(b=2, a=1)
def f(x): return str(N)
==== globals of a function imported from another module
from cfg import g
def f(x): return g.__globals__["LIMIT"]
# file cfg.py
LIMIT = 1
def g(): return 1
----
from cfg import g
def f(x): return g.__globals__["LIMIT"]
# file cfg.py
LIMIT = 2
def g(): return 1
==== signature under an alias
from inspect import signature as sig
def g(a: int): return a
def f(x): return str(sig(g))
----
from inspect import signature as sig
def g(a: float): return a
def f(x): return str(sig(g))
==== get_type_hints under an alias
from typing import get_type_hints as hints
class C:
    a: int
def f(x): return list(hints(C))
----
from typing import get_type_hints as hints
class C:
    b: int
def f(x): return list(hints(C))
==== Signature.from_callable
from inspect import Signature
def g(a: int): return a
def f(x): return str(Signature.from_callable(g))
----
from inspect import Signature
def g(a: float): return a
def f(x): return str(Signature.from_callable(g))
==== own name by a stack from inspect
from inspect import stack
def f(x):
    def first(): return stack()[0].function
    return first()
----
from inspect import stack
def f(x):
    def second(): return stack()[0].function
    return second()
==== own name by traceback
import traceback
def f(x):
    def first(): return traceback.extract_stack()[-1].name
    return first()
----
import traceback
def f(x):
    def second(): return traceback.extract_stack()[-1].name
    return second()
==== names of dunders in a tuple
def g():
    "one"
def f(x): return [getattr(g, n) for n in ("__doc__", "__module__")]
----
def g():
    "two"
def f(x): return [getattr(g, n) for n in ("__doc__", "__module__")]
==== name of a dunder in a global
def g():
    "one"
ATTR = "__doc__"
def f(x): return getattr(g, ATTR)
----
def g():
    "two"
ATTR = "__doc__"
def f(x): return getattr(g, ATTR)
==== attrgetter of a dunder in a global
import operator
GET = operator.attrgetter("__doc__")
def g():
    "one"
def f(x): return GET(g)
----
import operator
GET = operator.attrgetter("__doc__")
def g():
    "two"
def f(x): return GET(g)
==== name of a dunder as a default
def g(a: int): pass
def f(x, attr="__annotations__"): return str(getattr(g, attr))
----
def g(a: float): pass
def f(x, attr="__annotations__"): return str(getattr(g, attr))
==== docstring of a property given as an argument
class C:
    p = property(lambda self: 1, doc="one")
def f(x): return C.p.__doc__
----
class C:
    p = property(lambda self: 1, doc="two")
def f(x): return C.p.__doc__



==== a lambda wrapping a versioned lambda
import functools
from dtset.fingerprint import version
g = version("1")(lambda x: x)
f = functools.wraps(g)(lambda x: g(x) + 1)
----
import functools
from dtset.fingerprint import version
g = version("1")(lambda x: x)
f = functools.wraps(g)(lambda x: g(x) + 2)
==== a wrapper named as the versioned function
import functools
from dtset.fingerprint import version
@version("1")
def h(x): return x
_h = h
@functools.wraps(_h)
def h(x): return _h(x) + 1
f = h
----
import functools
from dtset.fingerprint import version
@version("1")
def h(x): return x
_h = h
@functools.wraps(_h)
def h(x): return _h(x) + 2
f = h
==== attribute of a versioned function
from dtset.fingerprint import version
@version("1")
def f(x): return x + f.n
f.n = 1
----
from dtset.fingerprint import version
@version("1")
def f(x): return x + f.n
f.n = 2
==== base of a versioned class
from dtset.fingerprint import version
class B:
    def m(self): return 1
@version("1")
class C(B): pass
def f(x): return C().m()
----
from dtset.fingerprint import version
class B:
    def m(self): return 2
@version("1")
class C(B): pass
def f(x): return C().m()
==== attribute of an lru_cached function
import functools
@functools.lru_cache
def h(x): return x
h.limit = 1
def f(x): return h.limit
----
import functools
@functools.lru_cache
def h(x): return x
h.limit = 2
def f(x): return h.limit
==== attribute of a singledispatch function
import functools
@functools.singledispatch
def h(x): return x
h.limit = 1
def f(x): return h.limit
----
import functools
@functools.singledispatch
def h(x): return x
h.limit = 2
def f(x): return h.limit
==== a class derived from classmethod
class hybrid(classmethod):
    def __get__(self, obj, cls): return lambda: 1
class C:
    @hybrid
    def m(cls): return 0
def f(x): return C.m()
----
class hybrid(classmethod):
    def __get__(self, obj, cls): return lambda: 2
class C:
    @hybrid
    def m(cls): return 0
def f(x): return C.m()
==== a class derived from staticmethod with state
class marked(staticmethod):
    pass
class C:
    def m(): return 0
    m = marked(m)
    m.n = 1
def f(x): return C.__dict__["m"].n
----
class marked(staticmethod):
    pass
class C:
    def m(): return 0
    m = marked(m)
    m.n = 2
def f(x): return C.__dict__["m"].n
==== a class derived from enum.property
import enum
class prop(enum.property):
    def __get__(self, obj, cls=None): return 1
class E(enum.Enum):
    A = 1
    @prop
    def m(self): return 0
def f(x): return E.A.m
----
import enum
class prop(enum.property):
    def __get__(self, obj, cls=None): return 2
class E(enum.Enum):
    A = 1
    @prop
    def m(self): return 0
def f(x): return E.A.m
==== falsy attribute of a log adapter
import logging
class A(logging.LoggerAdapter): pass
a = A(logging.getLogger("a"), {})
a.limit = 0
def f(x): return a.limit
----
import logging
class A(logging.LoggerAdapter): pass
a = A(logging.getLogger("a"), {})
a.limit = None
def f(x): return a.limit
==== abstract methods lifted
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): return 1
def f(x):
    try: return B().m()
    except TypeError: return 2
----
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): return 1
B.__abstractmethods__ = frozenset()
def f(x):
    try: return B().m()
    except TypeError: return 2
==== method in the class or put on it later
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): pass
class C(B):
    def m(self): return 1
def f(x):
    try: return C().m()
    except TypeError: return 2
----
import abc
class B(abc.ABC):
    @abc.abstractmethod
    def m(self): pass
class C(B): pass
def m(self): return 1
C.m = m
def f(x):
    try: return C().m()
    except TypeError: return 2
==== runtime_checkable
from typing import Protocol
class P(Protocol):
    def m(self): ...
class C:
    def m(self): return 1
def f(x):
    try: return isinstance(C(), P)
    except TypeError: return "not checkable"
----
from typing import Protocol, runtime_checkable
@runtime_checkable
class P(Protocol):
    def m(self): ...
class C:
    def m(self): return 1
def f(x):
    try: return isinstance(C(), P)
    except TypeError: return "not checkable"
==== annotation of a nested function with a call
def f(x):
    seen = []
    def g(a: seen.append(1)): return a
    return seen
----
def f(x):
    seen = []
    def g(a: seen.append(2)): return a
    return seen
==== annotation in a nested class with a call
def f(x):
    seen = []
    class C:
        a: seen.append(1)
    return seen
----
def f(x):
    seen = []
    class C:
        a: seen.append(2)
    return seen
==== assignment into __annotations__
import typing
def g(a, b): pass
def f(x):
    g.__annotations__["a"] = int
    return sorted(typing.get_type_hints(g))
----
import typing
def g(a, b): pass
def f(x):
    g.__annotations__["b"] = int
    return sorted(typing.get_type_hints(g))
==== pydantic validate_call under an alias
import pydantic
check = pydantic.validate_call
def f(x):
    def g(a: int): return a
    return check(g)("5")
----
import pydantic
check = pydantic.validate_call
def f(x):
    def g(a: str): return a
    return check(g)("5")
==== decorator called cache that reads annotations
from pydantic import validate_call as cache
def f(x):
    @cache
    def g(a: int): return a
    return g("5")
----
from pydantic import validate_call as cache
def f(x):
    @cache
    def g(a: str): return a
    return g("5")
==== own decorator that hands on to pydantic
import pydantic
check = pydantic.validate_call
def deco(g): return check(g)
def f(x):
    @deco
    def g(a: int): return a
    return g("5")
----
import pydantic
check = pydantic.validate_call
def deco(g): return check(g)
def f(x):
    @deco
    def g(a: str): return a
    return g("5")
==== module whose class has a property
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
import sys, types
class M(types.ModuleType):
    @property
    def LIMIT(self): return 1
sys.modules[__name__].__class__ = M
----
import cfg
def f(x): return cfg.LIMIT
# file cfg.py
import sys, types
class M(types.ModuleType):
    @property
    def LIMIT(self): return 2
sys.modules[__name__].__class__ = M
==== getattr handed to a helper
import cfg
def call(g, m, name): return g(m, name.lower())
def f(x): return call(getattr, cfg, "LIMIT")
# file cfg.py
LIMIT = 0
limit = 1
----
import cfg
def call(g, m, name): return g(m, name.lower())
def f(x): return call(getattr, cfg, "LIMIT")
# file cfg.py
LIMIT = 0
limit = 2
==== order in memory read
import numpy as np
A = np.arange(4).reshape(2, 2)
def f(x): return A.ravel("K").tolist()
----
import numpy as np
A = np.asfortranarray(np.arange(4).reshape(2, 2))
def f(x): return A.ravel("K").tolist()
==== hard mask
import numpy as np
A = np.ma.array([1, 2], mask=[0, 1])
def f(x):
    A[1] = 9
    return A.tolist()
----
import numpy as np
A = np.ma.array([1, 2], mask=[0, 1], hard_mask=True)
def f(x):
    A[1] = 9
    return A.tolist()
==== str of a str enum by assignment
import enum
class E(str, enum.Enum):
    A = "a"
def f(x): return str(E.A)
----
import enum
class E(str, enum.Enum):
    A = "a"
    __str__ = str.__str__
def f(x): return str(E.A)
==== format of an int enum by assignment
import enum
class E(int, enum.Enum):
    A = 1
    __repr__ = int.__repr__
def f(x): return repr(E.A)
----
import enum
class E(int, enum.Enum):
    A = 1
def f(x): return repr(E.A)
==== dunder of an enum that is an object
import enum, functools
class E(enum.Enum):
    A = 1
    @functools.lru_cache
    def __len__(self): return 1
def f(x): return len(E.A)
----
import enum, functools
class E(enum.Enum):
    A = 1
    @functools.lru_cache
    def __len__(self): return 2
def f(x): return len(E.A)
==== hash of an enum taken away
import enum
class E(enum.Enum):
    A = 1
def f(x):
    try: return len({E.A})
    except TypeError: return "no hash"
----
import enum
class E(enum.Enum):
    A = 1
    __hash__ = None
def f(x):
    try: return len({E.A})
    except TypeError: return "no hash"
==== annotations of an enum
import enum
class E(enum.Enum):
    x: int
    A = 1
def f(x): return str(E.__annotations__)
----
import enum
class E(enum.Enum):
    x: str
    A = 1
def f(x): return str(E.__annotations__)
==== order read from the namespace of an enum
import enum
class E(enum.Enum):
    A = 1
    def p(self): pass
    def q(self): pass
def f(x): return [n for n in vars(E) if n in "pq"]
----
import enum
class E(enum.Enum):
    A = 1
    def q(self): pass
    def p(self): pass
def f(x): return [n for n in vars(E) if n in "pq"]
==== module by __dict__
import cfg
def f(x): return cfg.__dict__["LIMIT"]
# file cfg.py
LIMIT = 1
----
import cfg
def f(x): return cfg.__dict__["LIMIT"]
# file cfg.py
LIMIT = 2
==== module by __getattribute__
import cfg
def f(x): return cfg.__getattribute__("LIMIT")
# file cfg.py
LIMIT = 1
----
import cfg
def f(x): return cfg.__getattribute__("LIMIT")
# file cfg.py
LIMIT = 2
==== names of a module by __dir__
import cfg
def f(x): return "B" in cfg.__dir__()
# file cfg.py
A = 1
----
import cfg
def f(x): return "B" in cfg.__dir__()
# file cfg.py
A = 1
B = 1
==== dir of a module
import cfg
def f(x): return "__version__" in dir(cfg)
# file cfg.py
A = 1
----
import cfg
def f(x): return "__version__" in dir(cfg)
# file cfg.py
A = 1
__version__ = 1
==== variable of the environment by a global name
import os
os.environ["CORPUS"] = "a"
KEY = "CORPUS"
def f(x): return os.environ[KEY]
----
import os
os.environ["CORPUS"] = "b"
KEY = "CORPUS"
def f(x): return os.environ[KEY]
==== variable of the environment with a called default
import os
os.environ["CORPUS"] = "a"
def f(x): return os.environ.get("CORPUS", str(x))
----
import os
os.environ["CORPUS"] = "b"
def f(x): return os.environ.get("CORPUS", str(x))
==== order in memory and the last bits of sums
import numpy as np
A = np.random.default_rng(1).random((5000, 40)).astype("f4")
def f(x): return float(A.sum(axis=0).sum())
----
import numpy as np
A = np.asfortranarray(np.random.default_rng(1).random((5000, 40)).astype("f4"))
def f(x): return float(A.sum(axis=0).sum())
==== locals under an alias
loc = locals
def f(x):
    a = 1
    return sorted(loc())
----
loc = locals
def f(x):
    b = 1
    return sorted(loc())
==== content of a member from a table
import enum
TABLE = {"a": 1}
class E(int, enum.Enum):
    def __new__(cls, v):
        o = int.__new__(cls, TABLE.get(v, 0))
        o._value_ = v
        return o
    A = "a"
TABLE.clear()
def f(x): return E.A + 1
----
import enum
TABLE = {"a": 2}
class E(int, enum.Enum):
    def __new__(cls, v):
        o = int.__new__(cls, TABLE.get(v, 0))
        o._value_ = v
        return o
    A = "a"
TABLE.clear()
def f(x): return E.A + 1
==== order of steps found in a module
import cfg
def f(x): return [g() for n, g in vars(cfg).items() if n.startswith("step_")]
# file cfg.py
def step_a(): return 1
def step_b(): return 2
----
import cfg
def f(x): return [g() for n, g in vars(cfg).items() if n.startswith("step_")]
# file cfg.py
def step_b(): return 2
def step_a(): return 1
==== order of globals under eval
def f(x): return [n for n in eval("globals()") if n.startswith("s_")]
s_a = 1
s_b = 2
----
def f(x): return [n for n in eval("globals()") if n.startswith("s_")]
s_b = 2
s_a = 1
==== query in a helper of another module
import pandas as pd
from elsewhere import keep
LIMIT = 1
D = pd.DataFrame({"a": [1, 2, 3]})
def f(x): return keep(D)
# file elsewhere.py
LOW = 1
def keep(d): return d.query("a > @LOW")["a"].tolist()
----
import pandas as pd
from elsewhere import keep
LIMIT = 1
D = pd.DataFrame({"a": [1, 2, 3]})
def f(x): return keep(D)
# file elsewhere.py
LOW = 2
def keep(d): return d.query("a > @LOW")["a"].tolist()
""",
)

ERRORS = pairs_of(
    "error",
    """\
==== ctypes library
def f(x): return x
----
import ctypes
LIB = ctypes.CDLL(None)
def f(x): return LIB.strlen(x)
==== asyncio lock and loop
def f(x): return x
----
import asyncio
L = asyncio.Lock()
async def f(x):
    async with L: return x
==== asyncio queue
def f(x): return x
----
import asyncio
Q = asyncio.Queue()
def f(x): return Q
==== finalizer
def f(x): return x
----
import weakref
class C: pass
c = C()
F = weakref.finalize(c, id, "x")
def f(x): return F
==== weak proxy
def f(x): return x
----
import weakref
class C: pass
c = C()
P = weakref.proxy(c)
def f(x): return P
==== temporary directory
def f(x): return x
----
import tempfile
T = tempfile.TemporaryDirectory()
def f(x): return T.name
==== dask future client like
def f(x): return x
----
import distributed
F = distributed.Future("a")
def f(x): return F.result()
==== dask lock
def f(x): return x
----
from dask.utils import SerializableLock
L = SerializableLock()
def f(x):
    with L: return x
""",
)

PAIRS = SAME + DIFFERENT + ERRORS
