from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator

import dask
import pytest
from distributed import LocalCluster
from hypothesis import settings

from dtset import TSetEnvironment
from dtset.storage.objects import ObjectStore
from dtset.storage.opening import open_store

# Where a property has another number than the usual hundred, `examples` scales it.
settings.register_profile("day", max_examples=40)
settings.register_profile("nightly", max_examples=1000)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile("day")


# What programs under test print is there when they are killed.
os.environ["PYTHONUNBUFFERED"] = "1"


@pytest.fixture
def store(tmp_path_factory):
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture
def env(store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="test", parallelism=2) as env:
        yield env


@pytest.fixture(scope="session")
def local_cluster() -> Iterator[LocalCluster]:
    """Two worker processes for all tests that leave them as they are."""
    # Dask's nannies start workers that may have no children, unless they are told.
    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
    ):
        yield cluster


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(endpoint, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "moto's server ended by itself"
                assert time.monotonic() < deadline, "moto's server does not answer"
                time.sleep(0.1)
        yield endpoint
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def s3_options(s3_endpoint: str) -> dict[str, object]:
    return {
        "key": "testing-key",
        "secret": "testing-secret",
        "client_kwargs": {"endpoint_url": s3_endpoint, "region_name": "eu-west-1"},
    }


@pytest.fixture
def s3_url(s3_options: dict[str, object]) -> str:
    import s3fs

    bucket = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem(**s3_options).mkdir(bucket)
    return f"s3://{bucket}/some/folder"


@pytest.fixture(params=["local", "memory", "s3"])
def any_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "local":
        return open_store(str(tmp_path_factory.mktemp("store")))
    if request.param == "memory":
        return open_store(f"memory://{uuid.uuid4().hex}")
    return open_store(request.getfixturevalue("s3_url"), request.getfixturevalue("s3_options"))
