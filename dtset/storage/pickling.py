"""Pickled elements: each a pickle of its own, with the user's classes by reference.

A reference names module and qualified name, and is resolved when it is read, to the *present*
program's class. The program may well be one whose modules cannot be imported: a script's
``__main__``, or user code that was shipped to a worker by value.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Hashable, Sequence
from copyreg import dispatch_table
from dataclasses import dataclass
from functools import cache, lru_cache, reduce
from importlib import import_module
from inspect import unwrap
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any, Protocol, cast

import numpy as np

from dtset.errors import CorruptCheckpointError, StoreError, UntrustedCheckpointError, UsageError
from dtset.fingerprint.imported import may_be_imported
from dtset.fingerprint.origin import is_user_module, is_users_class
from dtset.storage.kinds import FIXED_WEIGHT, Array, Unfit
from dtset.storage.schema import Schema, element_weight, record_class

_STACK_GLOBAL = b"\x93"
_BY_NAME = (type, FunctionType)
# What pickle and copyreg raise for what cannot be pickled; anything else comes from the user's code.
_UNPICKLABLE = (pickle.PicklingError, TypeError, AttributeError)


class ClassResolver(Protocol):
    """What gives the present program's class, or function, of a name."""

    def __call__(self, module: str, qualname: str, /) -> object:
        """Return it; an AttributeError, ImportError or LookupError if there is none.

        Nothing is imported that the program does not import by itself.
        """


def present_class(module: str, qualname: str) -> object:
    """Resolve a reference of a record or a pickle in this process's modules.

    Only what the program has imported, or has an import statement for, is resolved: whoever can write to
    the store must not choose what is imported.
    """
    if module not in sys.modules:
        if not may_be_imported(module):
            raise UntrustedCheckpointError(
                f"stored elements refer to {module}.{qualname}, and nothing in this program imports {module}: so it was "
                "not imported for their sake. If you trust it, import it; else define it again, or compute the data anew"
            )
        import_module(module)
    found: object = sys.modules[module]
    for part in qualname.split("."):
        # Nothing is asked that could import: modules for their contents only, and none on the way.
        found = vars(found).get(part) if isinstance(found, ModuleType) else getattr(found, part)
        if found is None or isinstance(found, ModuleType):
            raise AttributeError(f"module {module!r} has no class {qualname!r}")
    return found


def resolve(module: str, qualname: str) -> object:
    """Resolve a reference: the function that stands in pickles; readers put theirs in its place."""
    return present_class(module, qualname)


@dataclass(frozen=True, slots=True)
class Pickled:
    """Pickled elements: arrays of weights, zero for those that have to be pickled, offsets and pickles; and the user's classes in them."""

    arrays: tuple[Array, Array, Array]
    classes: frozenset[tuple[str, str]]


def dump_rows(batch: Sequence[object], reading: ClassResolver | None = None) -> Pickled:
    """Pickle elements one by one, and note the user's classes met.

    Each pickle stands by itself: what two elements share is stored with both, so that the bytes do
    not depend on the batches in which the elements came.

    With `reading`, the first element in which a type or a reference occurs is read back by it, as it will be by who
    reads.
    """
    buffer = io.BytesIO()
    classes: set[tuple[str, str]] = set()
    pickler = _RowPickler(buffer, classes)
    dump, clear, tell = pickler.dump, pickler.clear_memo, buffer.tell
    ends = np.empty(len(batch) + 1, np.int64)
    weights = np.empty(len(batch), np.int64)
    ends[0] = end = 0
    for row, element in enumerate(batch):
        weight = element_weight(element)
        # Without memo a plain value's pickle depends on the value only, not on which of its
        # equal parts are one object; what is not plain needs the memo.
        pickler.fast = weight is not None
        try:
            dump(element)
        except _UNPICKLABLE as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(_unpicklable(element, error)) from error
        clear()
        start, end = end, tell()
        if pickler.has_new and reading is not None:
            pickler.has_new = False
            with buffer.getbuffer() as view:
                _read_back(element, bytes(view[start:end]), reading)
        ends[row + 1] = end
        weights[row] = weight or 0
    arrays = (weights, ends, np.frombuffer(buffer.getbuffer(), np.uint8))
    return Pickled(arrays, frozenset(classes))


def load_rows(arrays: tuple[Array, ...], resolver: ClassResolver) -> list[Any]:
    """Unpickle elements, resolving references to the user's classes.

    The pickles come from a trusted store: reading a pickle runs code.
    """
    offsets, data = arrays[1].tolist(), arrays[2].tobytes()
    rows = (data[start:end] for start, end in pairwise(offsets))
    if _STACK_GLOBAL not in data:
        # Nothing but builtin values: the plain function is twice as fast as an Unpickler object.
        return list(map(pickle.loads, rows))
    find = _finder(resolver)
    return [_RowUnpickler(io.BytesIO(row), find).load() for row in rows]


def pickled_weights(arrays: tuple[Array, ...]) -> Array:
    """Return about how many bytes each row takes, whatever batch it is in.

    Examples
    --------
    >>> pickled_weights(dump_rows(["abc", [1]]).arrays).tolist()
    [11, 25]
    """
    weights, offsets, _ = arrays
    return np.where(weights, weights, np.diff(offsets) + FIXED_WEIGHT)


def references(data: Array, classes: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return those of some classes that pickles may refer to: no less, nor more but where a text is a class's name.

    Examples
    --------
    >>> references(dump_rows(["Rec", []]).arrays[2], frozenset({("mine", "Rec"), ("mine", "Re")}))
    frozenset({('mine', 'Rec')})
    """
    if not classes:
        return frozenset()
    pickles = data.tobytes()
    return frozenset(each for each in classes if _as_pickled(each[1]) in pickles)


def _as_pickled(name: str) -> bytes:
    """Return the opcode that puts a text where it is first needed in a pickle."""
    text = name.encode("utf-8", "surrogatepass")
    if len(text) < 256:
        return pickle.SHORT_BINUNICODE + bytes([len(text)]) + text
    return pickle.BINUNICODE + len(text).to_bytes(4, "little") + text


def refuse_pickle(where: str) -> UntrustedCheckpointError:
    """Return the error for pickled data where pickles are not to be read."""
    return UntrustedCheckpointError(
        f"{where} holds pickled elements, and reading a pickle runs code: dtset.pickle.allow is false. "
        "Set it to true if you trust everybody who can write there"
    )


class _RowPickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, classes: set[tuple[str, str]]) -> None:
        super().__init__(file, protocol=5)
        self._classes = classes
        self._types: set[type] = set()
        self.has_new = False
        self._references: dict[object, Any] = {}

    def reducer_override(self, obj: Any) -> Any:
        """Write the user's classes, functions and named singletons as references."""
        if isinstance(obj, _BY_NAME):
            reference = self._references.get(obj)
            if reference is None:
                own = _is_users(obj)
                reference = self._refer(obj, obj.__qualname__) if own else NotImplemented
                self._references[obj] = reference
            return reference
        kind = type(obj)
        if kind not in self._types:
            self._types.add(kind)
            self.has_new = True
        if kind is np.ndarray:
            # Equal arrays, whatever they are views of, have equal pickles.
            return obj.copy(order="A").__reduce_ex__(5)
        if not _reduces_in_own_way(cast(Hashable, kind)) and not _says_it_is_users(obj):
            return NotImplemented
        reduced = obj.__reduce_ex__(5)
        return self._refer(obj, reduced) if isinstance(reduced, str) else reduced

    def _refer(self, obj: Any, qualname: str) -> tuple[Any, ...]:
        module = obj.__module__
        if "<locals>" in qualname or "<lambda>" in qualname:
            raise UsageError(
                f"{module}.{qualname} occurs in the data, but a restarted program could not find it "
                "by this name: define it at module level"
            )
        if not _is_under_its_name(obj, qualname):
            raise UsageError(
                f"a function occurs in the data that says it is {module}.{qualname}, but that name stands for "
                "another one: what is read back would be that one. Give it a name of its own at module level"
            )
        if (module, qualname) not in self._classes:
            self._classes.add((module, qualname))
            self.has_new = True
        return resolve, (module, qualname)


@lru_cache(maxsize=512)
def _reduces_in_own_way(kind: Any) -> bool:
    """Tell whether instances are pickled as their class says: a user's, perhaps by name, and exceptions."""
    if issubclass(kind, BaseException):
        # tblib, which distributed loads, would add tracebacks, to some classes and in some processes.
        return True
    return _has_own_reduce(kind) and is_users_class(kind) and kind not in dispatch_table


@lru_cache(maxsize=512)
def _has_own_reduce(kind: Any) -> bool:
    plain: tuple[Any, ...] = (object.__reduce_ex__, object.__reduce__)
    return bool((kind.__reduce_ex__, kind.__reduce__) != plain)


def _is_users(obj: Any) -> bool:
    return is_users_class(obj) if isinstance(obj, type) else is_user_module(obj.__module__ or "")


def _says_it_is_users(obj: Any) -> bool:
    """Tell whether an object of a library, such as a cached function, goes by a name in a module of the user's."""
    if not callable(obj) or not _has_own_reduce(cast(Hashable, type(obj))):
        return False
    module = getattr(obj, "__module__", None)
    return isinstance(module, str) and hasattr(obj, "__qualname__") and is_user_module(module)


def _is_under_its_name(obj: Any, qualname: str) -> bool:
    """Tell whether a function's module has it under its name; true for what has no code to tell the module by."""
    scope = getattr(unwrap(obj), "__globals__", None) if callable(obj) else None
    if scope is None or isinstance(obj, type):
        return True
    first, *rest = qualname.split(".")
    return reduce(lambda held, name: getattr(held, name, None), rest, scope.get(first)) is obj


class _RowUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, find: Callable[[str, str], object]) -> None:
        super().__init__(file)
        self._find = find

    def find_class(self, module: str, name: str, /) -> Any:
        """Find a global that a pickle names."""
        return self._find(module, name)


def _installed(module: str, qualname: str) -> object:
    """Find what a pickle names in an installed module, as pickle itself does: to read pickles is to trust them."""
    return reduce(getattr, qualname.split("."), cast(object, import_module(module)))


def present_record(schema: Schema, resolver: ClassResolver) -> Any:
    """Return the present program's class of a schema of records; None if they are of no class."""
    parameters = dict(schema.parameters)
    if "class" not in parameters:
        return None
    module, qualname = parameters["class"]
    found: Any = _resolved(module, qualname, resolver)
    names = parameters["names"]
    kind, present = (isinstance(found, type) and record_class(found)) or ("", ())
    # The attributes of a dataclass were set in some order.
    if schema.kind == "dataclass":
        present = names if sorted(present) == sorted(names) else ()
    if (kind, present) != (schema.kind, names):
        raise CorruptCheckpointError(
            f"stored elements are of {module}.{qualname}, a {schema.kind} of the fields {', '.join(names)}: what the present "
            "program has under that name is another. Define it as it was, or compute the data anew"
        )
    return found


def check_classes(schema: Schema, resolver: ClassResolver) -> None:
    """Make sure that who reads finds the classes of a schema: else what pickling says of that is to be heard."""
    try:
        present_record(schema, resolver)
    except Exception as error:
        raise Unfit(str(error)) from error
    for field in schema.fields:
        check_classes(field, resolver)


def _resolved(module: str, qualname: str, resolver: ClassResolver) -> object:
    try:
        return resolver(module, qualname)
    except (AttributeError, ImportError, LookupError) as error:
        raise StoreError(
            f"stored elements refer to {module}.{qualname}, which the present program has not: "
            "define it again, or compute the data anew"
        ) from error


def _finder(resolver: ClassResolver) -> Callable[[str, str], object]:
    """Return a cached look-up of the globals in pickles, which differs by resolver."""

    @cache
    def resolved(module: str, qualname: str) -> object:
        return _resolved(module, qualname, resolver)

    @cache
    def find(module: str, name: str) -> object:
        if (module, name) == (__name__, resolve.__name__):
            return resolved
        return resolved(module, name) if is_user_module(module) else _installed(module, name)

    return find


def _read_back(element: object, pickled: bytes, resolver: ClassResolver) -> None:
    """Make sure that an element can be read again."""
    try:
        _RowUnpickler(io.BytesIO(pickled), _finder(resolver)).load()
    except Exception as error:
        reason = f"it can be pickled, but not unpickled ({type(error).__qualname__}: {error})"
        raise UsageError(_unpicklable(element, reason)) from error


def _unpicklable(element: object, reason: object) -> str:
    kind = type(element)
    try:
        shown = f"{element!r:.80}"
    except Exception:
        shown = "one whose repr() fails"
    return (
        f"an element of type {kind.__module__}.{kind.__qualname__} cannot be stored: {reason}. It is {shown}. "
        "Map it to plain values before, or give the class that cannot a __reduce__ or __getstate__"
    )
