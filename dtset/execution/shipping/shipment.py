"""Making a shipment: the user's code and objects as bytes that any worker can load."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from dtset.errors import CodeMismatchError, DTSetError, FingerprintError
from dtset.execution.shipping import loading
from dtset.execution.shipping.culprit import path_to_culprit
from dtset.execution.shipping.pickler import ByValuePickler, Named
from dtset.execution.shipping.survey import Binding, Key, Survey

FORMAT = 1
_OURS = ("dtset", "distributed")
_PLAIN = (str, bytes, int, float, complex, bool, type(None), ModuleType)


@dataclass(frozen=True)
class Shipment:
    """Objects and the user's code they need, and what must be installed to run them."""

    digest: str
    data: bytes = field(repr=False)
    python: tuple[int, int]
    distributions: Mapping[str, str]


def ship(
    objects: Mapping[str, object],
    classes: Iterable[tuple[str, str]] = (),
    distributions: Mapping[str, str] | None = None,
) -> Shipment:
    """Pack objects with all the user's code that they reach, and the `classes` that stored data refer to by name."""
    roots = [Named(key, value) for key, value in objects.items()]
    survey = _survey(roots, sorted(set(classes)))
    data = _pack(roots, survey)
    return Shipment(
        hashlib.sha256(data).hexdigest(), data, sys.version_info[:2], dict(distributions or {})
    )


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)


def _survey(roots: list[Named], classes: list[tuple[str, str]]) -> Survey:
    """Find all that must travel, by pickling it to nowhere until nothing new is reached."""
    survey = Survey()
    pickler = ByValuePickler(_Nowhere(), survey, buffer_callback=_drop)
    for module, qualname in classes:
        local = "<locals>" in qualname
        if survey.is_user(module) and not survey.want(module, qualname) and not local:
            raise CodeMismatchError(
                f"stored data hold instances of {module}.{qualname}, which the present program "
                f"does not define. Define it, or drop the data: unpersist(), dtset clear."
            )
    for root in roots:
        _dump(pickler, root)
    done = 0
    while done < len(survey.bindings):
        bindings = list(survey.bindings.values())[done:]
        for binding in bindings:
            _dump(pickler, binding)
        done += len(bindings)
        _want_subclasses(survey, pickler)
    _survey_escaped(survey, pickler)
    return survey


def _want_subclasses(survey: Survey, pickler: ByValuePickler) -> None:
    if survey.subclasses:
        for cls in pickler.classes:
            subclasses: list[type] = type.__subclasses__(cls)
            for subclass in subclasses:
                survey.want(subclass.__module__, subclass.__qualname__)


def _survey_escaped(survey: Survey, pickler: ByValuePickler) -> None:
    """Find what of the modules that escaped can travel; the rest is left behind."""
    survey.required = False
    while bindings := list(survey.list_whole()):
        done = len(survey.bindings) - len(bindings)
        while done < len(survey.bindings):
            binding = list(survey.bindings.values())[done]
            done += 1
            _try(survey, pickler, binding)


def _try(survey: Survey, pickler: ByValuePickler, binding: Binding) -> None:
    value = binding.value
    if isinstance(value, _PLAIN):
        _dump(pickler, binding)
        return
    if _is_handle(value):
        binding.absent = f"it is a {type(value).__qualname__} of the driver"
        return
    memo, known, whole = pickler.memo.copy(), len(survey.bindings), dict(survey.whole)
    try:
        pickler.dump(binding)
    except Exception as error:
        binding.absent = _reason(error)
        pickler.memo = memo
        survey.whole = whole
        while len(survey.bindings) > known:
            survey.bindings.popitem()


def _is_handle(value: object) -> bool:
    """Whether a value is an environment, data set, client or the like, which stays on the driver."""
    kind = type(value)
    ours = kind.__module__.partition(".")[0] in _OURS
    return ours and not issubclass(kind, (type, tuple, FunctionType))


def _pack(roots: list[Named], survey: Survey) -> bytes:
    """Pickle in an order in which everything finds what it needs while it is loaded."""
    body = io.BytesIO()
    pickler = ByValuePickler(body, survey)
    bindings = loading_order(survey)
    pickler.dump([*bindings, *roots])
    if len(survey.bindings) != len(bindings):
        raise FingerprintError(
            "the program's globals changed while it was being packed: another thread of the "
            "driver writes to them. Let it finish before running an action."
        )
    records = [space.record() for space in survey.spaces.values()]
    return pickle.dumps(
        (FORMAT, records, survey.reads_modules, list(survey.submodules), body.getvalue()),
        protocol=5,
    )


def _dump(pickler: ByValuePickler, item: Named | Binding) -> None:
    try:
        pickler.dump(item)
    except DTSetError:
        raise
    except Exception as error:
        path = item.path
        culprit = path_to_culprit(item.value, _pickles)
        raise FingerprintError(
            f"{' → '.join((*path, *culprit))} cannot be sent to workers: {_reason(error)}. "
            f"Create it inside the function or in prepare(ctx), or keep it out of what the "
            f"function reaches."
        ) from error


def _pickles(value: object) -> bool:
    """Whether a value can be pickled, its functions' globals apart."""
    try:
        ByValuePickler(_Nowhere(), Survey(), buffer_callback=_drop).dump(value)
    except Exception:
        return False
    return True


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")


def _drop(buffer: object) -> bool:
    return False


def load(data: bytes) -> loading.Loader:
    """Load what `_pack` made."""
    form, *rest = pickle.loads(data)
    if form != FORMAT:
        raise CodeMismatchError(
            f"the driver has another version of dtset (it sends programs in format {form}, this "
            f"process reads format {FORMAT}). Install the same version on both."
        )
    records, reads_modules, submodules, body = rest
    loader = loading.Loader(records, reads_modules)
    loader.load(body, submodules)
    return loader


def loading_order(survey: Survey) -> list[Binding]:
    """Plain values, then code, then other values, each after what its classes' code reads."""
    # Building a dictionary calls its keys' `__hash__`, and an instance its `__setstate__`: code that reads globals. The
    # order of definition will not do alone, since a name keeps its place when a notebook's cell is run again.
    places = {
        space.index: {name: place for place, name in enumerate(space.globals)}
        for space in survey.spaces.values()
    }

    def rank(binding: Binding) -> tuple[int, int, int]:
        index = binding.space.index
        return _phase(binding.value), -index, places[index].get(binding.name, 0)

    defined = sorted(survey.bindings.values(), key=rank)
    early = [binding for binding in defined if _phase(binding.value) < 2]
    return early + _after_their_needs([b for b in defined if _phase(b.value) == 2], survey)


def _phase(value: object) -> int:
    if isinstance(value, _PLAIN):
        return 0
    return 1 if isinstance(value, (FunctionType, type)) else 2


def _after_their_needs(bindings: list[Binding], survey: Survey) -> list[Binding]:
    """Depth first through what code reads; only values with a phase of their own are kept."""
    done: dict[Key, Binding] = {}
    seen: set[Key] = set()
    for start in bindings:
        stack: list[tuple[Key, Iterator[Key]]] = []
        _enter(start.key, survey, seen, stack)
        while stack:
            key, needs = stack[-1]
            for need in needs:
                if _enter(need, survey, seen, stack):
                    break
            else:
                stack.pop()
                done[key] = survey.bindings[key]
    return [binding for binding in done.values() if _phase(binding.value) == 2]


def _enter(
    key: Key, survey: Survey, seen: set[Key], stack: list[tuple[Key, Iterator[Key]]]
) -> bool:
    if key in seen or key not in survey.bindings:
        return False
    seen.add(key)
    stack.append((key, iter(_needs(survey.bindings[key], survey))))
    return True


def _needs(binding: Binding, survey: Survey) -> Iterable[Key]:
    """Keys of the bindings that code run while a value is built, or called by it, may read."""
    value = binding.value
    code: list[Any] = [value]
    classes = [value] if isinstance(value, type) else survey.instances.get(binding.key, ())
    for cls in classes:
        for base in cls.__mro__:
            code.extend(vars(base).values())
    for member in code:
        function = getattr(member, "__func__", member) if type(member) in _WRAPPED else member
        yield from survey.reads.get(id(function), ())


_WRAPPED = (staticmethod, classmethod)
