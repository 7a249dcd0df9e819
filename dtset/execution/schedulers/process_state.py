"""What user functions change of the driver's own process, when they run in it, is put back."""

from __future__ import annotations

import os
import random
import sys
from asyncio import _get_running_loop, _set_running_loop
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from decimal import localcontext
from typing import Any, TypeVar

_T = TypeVar("_T")


def undisturbed(call: Callable[[], _T]) -> _T:
    """Call something that runs functions of the user's; put back what they may change of this process.

    Working directory, environment, context variables, decimals' context, Python's and NumPy's global random
    generators. The event loop of a notebook is out of their sight: as on a worker, they may run one of their own.
    """
    folder, variables, state = working_folder(), dict(os.environ), random.getstate()
    numpy_random: Any = sys.modules.get("numpy.random")
    numpy_state = None if numpy_random is None else numpy_random.get_state()
    loop = _get_running_loop()
    _set_running_loop(None)
    try:
        with localcontext():
            return copy_context().run(call)
    finally:
        _set_running_loop(loop)
        if numpy_random is not None:
            numpy_random.set_state(numpy_state)
        random.setstate(state)
        # One by one: another thread may be reading them.
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        for name, value in variables.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if folder is not None and working_folder() != folder:
            # It was removed meanwhile.
            with suppress(FileNotFoundError):
                os.chdir(folder)


def working_folder() -> str | None:
    """Return the working directory; None where it was removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
