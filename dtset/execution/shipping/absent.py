"""What stands on a worker for a thing that could not be shipped."""

from __future__ import annotations

from typing import NoReturn

from dtset.errors import CodeMismatchError

_TOUCHES = (
    "call iter next len bool contains getitem setitem delitem enter exit aenter aexit await aiter "
    "hash eq ne lt le gt ge add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod "
    "pow rpow and rand or ror xor rxor lshift rshift matmul neg pos abs invert int float complex "
    "index str bytes format fspath reduce_ex reduce copy deepcopy instancecheck array"
)


class Absent:
    """Raises at any touch, naming the module and the attribute whose place it takes."""

    __slots__ = ("_absent_module", "_absent_name", "_absent_reason")

    def __init__(self, module: str, name: str, reason: str) -> None:
        object.__setattr__(self, "_absent_module", module)
        object.__setattr__(self, "_absent_name", name)
        object.__setattr__(self, "_absent_reason", reason)

    def __repr__(self) -> str:
        return f"<absent {self._absent_module}.{self._absent_name}>"

    def __getattr__(self, name: str) -> NoReturn:
        _refuse(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse(self)


def _refuse(absent: Absent, *_: object, **__: object) -> NoReturn:
    raise CodeMismatchError(
        f"{absent._absent_module}.{absent._absent_name} did not travel to this process "
        f"({absent._absent_reason}). Create it inside the function that uses it, or in prepare(ctx)."
    )


for _touch in _TOUCHES.split():
    setattr(Absent, f"__{_touch}__", _refuse)
