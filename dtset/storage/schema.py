"""Schemas: which kinds of columns a batch is made of, and how records are made of fields."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copyreg import dispatch_table
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from inspect import getattr_static
from itertools import chain, repeat
from operator import itemgetter
from types import MemberDescriptorType
from typing import Any

from dtset.fingerprint.origin import is_user_module, is_users_class
from dtset.plan.rows import columns_of, row_class
from dtset.storage.kinds import (
    FIXED_WEIGHT,
    ITEMS,
    KIND_OF,
    KINDS,
    ArraySpec,
    Parameters,
    Unfit,
    only,
)

RECORDS = frozenset({"tuple", "namedtuple", "row", "dataclass", "dict"})
# Of these it matters which parts of an element are one object.
MUTABLE = frozenset({"dataclass", "dict", "array"})
_HOOKS = ("__reduce_ex__", "__reduce__", "__getstate__")
_ADDED = ("__setstate__", "__getnewargs__", "__getnewargs_ex__", "__del__")
_MAX_LEAVES = 64
_MAX_DEPTH = 8
# Deeper than any schema may be: where to stop looking.
MAX_NESTING = 16
_PICKLES = (ArraySpec("weights", "int64", "row"), *ITEMS)


@dataclass(frozen=True, slots=True)
class Schema:
    """What the elements of a batch are.

    Its kind is that of a leaf, of records with `fields`, ``none`` (nothing but None), or ``pickled``; it is `optional`
    if None occurs among the elements. The `parameters` are what else its kind has to know: a unit, a class.

    Examples
    --------
    >>> schema = Schema("tuple", fields=(Schema("text"), Schema("int64", optional=True)))
    >>> [array.name for array in arrays_of(schema)]
    ['f0.offsets', 'f0.data', 'f1.valid', 'f1.values']
    >>> Schema.from_json(schema.to_json()) == schema
    True
    """

    kind: str
    optional: bool = False
    fields: tuple[Schema, ...] = ()
    parameters: Parameters = ()

    @property
    def is_pickled(self) -> bool:
        """Whether elements are pickles."""
        return self.kind == "pickled"

    def to_json(self) -> dict[str, Any]:
        """Return what metadata and records hold."""
        parts: dict[str, Any] = {"kind": self.kind, **dict(self.parameters)}
        if self.optional:
            parts["optional"] = True
        if self.kind in RECORDS:
            parts["fields"] = [field.to_json() for field in self.fields]
        return parts

    @classmethod
    def from_json(cls, parts: dict[str, Any]) -> Schema:
        """Read what `to_json` gave."""
        parameters = dict(parts)
        kind, optional = parameters.pop("kind"), bool(parameters.pop("optional", False))
        fields = tuple(map(cls.from_json, parameters.pop("fields", ())))
        return cls(kind, optional, fields, _as_tuples(list(parameters.items())))


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value


NONE = Schema("none")
PICKLED = Schema("pickled")


@lru_cache(maxsize=1024)
def arrays_of(schema: Schema) -> tuple[ArraySpec, ...]:
    """Return the arrays that hold batches of a schema, in their fixed order.

    Examples
    --------
    >>> [array.name for array in arrays_of(Schema("float64"))]
    ['values']
    """
    return tuple(_arrays(schema, ""))


def _arrays(schema: Schema, prefix: str) -> Iterator[ArraySpec]:
    if schema.optional:
        yield ArraySpec(f"{prefix}valid", "bool", "row")
    if schema.kind in RECORDS:
        for number, field in enumerate(schema.fields):
            yield from _arrays(field, f"{prefix}f{number}.")
    elif schema.kind == "pickled":
        yield from _PICKLES
    elif schema.kind != "none":
        for array in KINDS[schema.kind].arrays(**dict(schema.parameters)):
            yield replace(array, name=prefix + array.name)


@lru_cache(maxsize=1024)
def classes_of(schema: Schema) -> frozenset[tuple[str, str]]:
    """Return module and qualified name of the user's classes whose instances a schema speaks of."""
    found = {
        each for name, each in schema.parameters if name == "class" and is_user_module(each[0])
    }
    return frozenset(found).union(*map(classes_of, schema.fields))


def join(one: Schema, other: Schema) -> Schema:
    """Return the narrowest schema that holds the elements of both.

    The schema of a batch is the join of those of its elements, so that it does not matter how
    elements were split into batches before.

    Examples
    --------
    >>> join(Schema("int64"), NONE) == Schema("int64", optional=True)
    True
    >>> join(Schema("int64"), Schema("float64")) == PICKLED
    True
    """
    if one == other:
        return one
    if PICKLED in (one, other):
        return PICKLED
    if NONE in (one, other):
        return replace(other if one == NONE else one, optional=True)
    if (one.kind, one.parameters) != (other.kind, other.parameters):
        return PICKLED
    if len(one.fields) != len(other.fields):
        return PICKLED
    fields = tuple(map(join, one.fields, other.fields))
    if PICKLED in fields:
        return PICKLED
    return bounded(replace(one, optional=one.optional or other.optional, fields=fields))


def fits(narrow: Schema, wide: Schema) -> bool:
    """Tell whether a segment of the wide schema takes a batch of the narrow one as well.

    A pickled segment takes only what has to be pickled.

    Examples
    --------
    >>> fits(Schema("int64"), Schema("int64", optional=True)), fits(Schema("int64"), PICKLED)
    (True, False)
    """
    return narrow == wide or (wide != PICKLED and join(narrow, wide) == wide)


def bounded(schema: Schema) -> Schema:
    """Return the schema, or `PICKLED` where it would take too many arrays.

    Examples
    --------
    >>> bounded(Schema("tuple", fields=(Schema("int64"),) * 65)) == PICKLED
    True
    """
    return schema if _is_bounded(*_extent(schema)) else PICKLED


def _is_bounded(leaves: int, depth: int) -> bool:
    return leaves <= _MAX_LEAVES and depth <= _MAX_DEPTH


@lru_cache(maxsize=1024)
def _extent(schema: Schema) -> tuple[int, int]:
    """Return how many leaves a schema has, and how deep they are."""
    if schema.kind not in RECORDS:
        return 1, 0
    inner = [_extent(field) for field in schema.fields]
    return sum(leaves for leaves, _ in inner), 1 + max((depth for _, depth in inner), default=0)


def element_weight(element: object) -> int | None:
    """Return what `row_weights` gives for an element by itself; None if it has to be pickled.

    Examples
    --------
    >>> element_weight("abc"), element_weight(10**30)
    (11, None)
    """
    mutable: list[int] = []
    try:
        weight, leaves, depth = _weigh(element, 0, mutable)
    except Unfit:
        return None
    shared = len(set(mutable)) < len(mutable)
    return weight if _is_bounded(leaves, depth) and not shared else None


def _weigh(element: Any, depth: int, mutable: list[int]) -> tuple[int, int, int]:
    """Return weight, leaves and depth of an element, and note what could be two of its parts at once."""
    kind_type = type(element)
    if element is None:
        return FIXED_WEIGHT, 1, 0
    if (kind := KIND_OF.get(kind_type)) is not None:
        if kind.name in MUTABLE:
            mutable.append(id(element))
        return kind.weigh(element), 1, 0
    parts = element
    if kind_type is not tuple:
        record = taken_apart(kind_type, (element,))
        if record.kind in MUTABLE:
            mutable.append(id(element))
        parts = [values[0] for values in record.fields]
    if depth >= MAX_NESTING:
        raise Unfit
    inner = [_weigh(part, depth + 1, mutable) for part in parts]
    weight, leaves = (sum(each[place] for each in inner) for place in (0, 1))
    return FIXED_WEIGHT + weight, leaves, 1 + max((each[2] for each in inner), default=0)


@dataclass(frozen=True, slots=True)
class Record:
    """Elements of one kind of records: what they share, and the values of each field."""

    kind: str
    parameters: Parameters
    fields: list[Sequence[Any]]


def taken_apart(kind_type: type, batch: Sequence[Any]) -> Record:
    """Take elements of exactly one type apart, if they are records of the same fields; else they are `Unfit`."""
    if kind_type is tuple:
        length = only(map(len, batch), "tuples of different lengths")
        return Record("tuple", (), _columns(batch, range(length)))
    named = name_of(kind_type)
    if kind_type is dict:
        names = only(map(tuple, batch), "dicts of different keys")
        if not {str}.issuperset(map(type, chain.from_iterable(batch))):
            raise Unfit("dicts whose keys are not texts")
        _check_number(names)
        return Record("dict", (("names", names),), _columns(batch, names))
    columns = columns_of(kind_type)
    found = record_class(kind_type) if columns is None else ("row", columns)
    if found is None:
        raise Unfit(f"elements of type {named}")
    kind, names = found
    _check_number(names)
    fields: list[Sequence[Any]]
    if kind == "dataclass":
        if kind_type.__dictoffset__:
            batch = list(map(vars, batch))
            # What __init__ sets in another order, or __post_init__, comes in another order.
            order = only(map(tuple, batch), f"a {named} with other attributes than others")
            if {*order} != {*names}:
                raise Unfit(f"a {named} with other attributes than its fields")
            names, fields = order, _columns(batch, order)
        else:
            fields = _slots(kind_type, batch, names)
    elif not {len(names)}.issuperset(map(len, batch)):
        raise Unfit(f"a {named} with more or fewer values than fields")
    else:
        fields = _columns(batch, range(len(names)))
    parameters: Parameters = (("names", names),)
    if columns is None:
        parameters = (("class", (kind_type.__module__, kind_type.__qualname__)), *parameters)
    return Record(kind, parameters, fields)


def _check_number(names: tuple[str, ...]) -> None:
    if len(names) > _MAX_LEAVES:
        raise Unfit("records with more fields than columns are made for")


def name_of(kind_type: type) -> str:
    """Return how errors call a type."""
    module = "" if kind_type.__module__ == "builtins" else f"{kind_type.__module__}."
    return f"{module}{kind_type.__qualname__}"


def _columns(batch: Sequence[Any], keys: Iterable[Any]) -> list[Sequence[Any]]:
    return [list(map(itemgetter(key), batch)) for key in keys]


def _slots(cls: type, batch: Sequence[Any], names: Sequence[str]) -> list[Sequence[Any]]:
    try:
        return [list(map(getattr_static(cls, name).__get__, batch)) for name in names]
    except AttributeError as error:
        raise Unfit(f"a {name_of(cls)} with a field that was never set") from error


def put_together(
    kind: str, rows: int, columns: Sequence[Sequence[Any]], names: Sequence[str], cls: Any
) -> list[Any]:
    """Make the elements that were taken apart, of the present program's class where they are of some."""
    if kind == "dataclass":
        # As pickle does, past what the class says of making its instances and of setting their attributes.
        made = list(map(object.__new__, repeat(cls, rows)))
        for name, values in zip(names, columns, strict=True):
            deque(map(object.__setattr__, made, repeat(name), values), maxlen=0)
        return made
    records = zip(*columns, strict=True) if columns else repeat((), rows)
    if kind in ("namedtuple", "row"):
        cls = row_class(tuple(names)) if kind == "row" else cls
        return list(map(partial(tuple.__new__, cls), records))
    return list(map(dict, map(zip, repeat(names), records))) if kind == "dict" else list(records)


@lru_cache(maxsize=512)
def record_class(cls: Any) -> tuple[str, tuple[str, ...]] | None:
    """Return kind and names of the fields of a class whose instances are fully given by these; else None.

    It is the user's, or dtset's own: to read what is stored, no other module is imported.
    """
    own = is_users_class(cls) or f"{cls.__module__}".partition(".")[0] == __name__.partition(".")[0]
    if not own or "<locals>" in cls.__qualname__ or cls in dispatch_table:
        return None
    hooks = [name for name in _HOOKS if getattr(cls, name) is not getattr(object, name)]
    if issubclass(cls, tuple):
        names = getattr(cls, "_fields", None)
        plain = not cls.__dictoffset__ and _is_as(tuple, cls, "__getitem__", "__len__")
        if plain and not hooks and isinstance(names, tuple):
            return ("namedtuple", names) if all(type(name) is str for name in names) else None
    elif hasattr(cls, "__dataclass_fields__") and _is_as(
        object, cls, "__new__", "__getattribute__"
    ):
        names = tuple(field.name for field in fields(cls))
        hooks += [name for name in _ADDED if hasattr(cls, name)]
        # Frozen ones with slots are given some, which do what pickle does without.
        own = all(getattr(getattr(cls, name), "__module__", "") == "dataclasses" for name in hooks)
        if own and _holds_nothing_else(cls, names):
            return "dataclass", names
    return None


def _holds_nothing_else(cls: Any, names: tuple[str, ...]) -> bool:
    """Tell whether the instances of a class have their fields in a dict, or all of them in slots, and no other slots."""
    kinds = {type(getattr_static(cls, name, None)) for name in names}
    if cls.__dictoffset__:
        slots = any(vars(base).get("__slots__") for base in cls.__mro__)
        return not slots and not any(hasattr(kind, "__set__") for kind in kinds)
    members = {name for name in dir(cls) if type(getattr_static(cls, name)) is MemberDescriptorType}
    return kinds <= {MemberDescriptorType} and members == {*names}


def _is_as(base: type, cls: type, *names: str) -> bool:
    return all(getattr(cls, name) is getattr(base, name) for name in names)
