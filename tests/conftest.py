from __future__ import annotations

import pytest

from dtset import TSetEnvironment


@pytest.fixture
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture
def env(store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="test", parallelism=2) as env:
        yield env
