"""Making a shipment: the user's code and objects as bytes that any worker can load."""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from dtset.errors import CodeMismatchError, DTSetError, FingerprintError
from dtset.execution.shipping import loading
from dtset.execution.shipping.culprit import path_to_culprit
from dtset.execution.shipping.order import PLAIN, loading_order
from dtset.execution.shipping.pickler import ByValuePickler, Named
from dtset.execution.shipping.survey import Binding, Survey

FORMAT = 1
_OURS = ("dtset", "distributed")


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
    """Pack functions and other objects with all the user's code that they reach.

    `classes` are those that stored data refer to, by module and qualified name.
    """
    roots = [Named(key, value) for key, value in objects.items()]
    survey = _survey(roots, sorted(set(classes)))
    data = _pack(roots, survey)
    return Shipment(
        hashlib.sha256(data).hexdigest(), data, sys.version_info[:2], dict(distributions or {})
    )


class _Nowhere:
    """A file that keeps nothing."""

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
    if isinstance(value, PLAIN):
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
