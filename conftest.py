"""What the examples in docstrings find: an environment, called ``env``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from dtset import TSetEnvironment


@pytest.fixture(autouse=True)
def environment_of_examples(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]
) -> Iterator[None]:
    """Give examples that speak of ``env`` one of their own."""
    found = isinstance(request.node, pytest.DoctestItem) and request.node.dtest
    if not found or not any("env." in example.source for example in found.examples):
        yield
        return
    store = f"memory://{uuid.uuid4().hex}"
    with TSetEnvironment(cluster="synchronous", store=store) as env:
        doctest_namespace["env"] = env
        yield
        del doctest_namespace["env"]
