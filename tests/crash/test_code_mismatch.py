"""Workers that have something else installed than what the driver fingerprinted."""

from __future__ import annotations

import pytest

from tests.programs import ENVIRONMENT

PROGRAM = """
import sys
import rates
from dtset import TSetEnvironment

def priced(x):
    return x * rates.RATE

with TSetEnvironment(cluster=sys.argv[1]) as env:
    prices = env.range(4).map(priced).lazy_persist("priced")
    prices.explain()
    print("FOUND", prices.collect())
"""


@pytest.fixture
def installed(tmp_path_factory):
    """Make a folder in which a version of a distribution is installed, with a rate of its own."""

    def make(version: str, rate: int):
        folder = tmp_path_factory.mktemp("site") / "site-packages"
        (folder / f"rates-{version}.dist-info").mkdir(parents=True)
        (folder / "rates.py").write_text(f"RATE = {rate}\n")
        info = folder / f"rates-{version}.dist-info"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rates\nVersion: {version}\n")
        (info / "RECORD").write_text(f"rates.py,,\nrates-{version}.dist-info/METADATA,,\n")
        return str(folder)

    return make


def test_a_worker_with_another_version_of_a_package_refuses_and_names_it(
    program, cluster, installed, monkeypatch
):
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", installed("1.0", 1))
    cluster.start_worker()
    for worker in cluster.workers[:2]:
        worker.terminate()
    program.write(PROGRAM)
    said = program.run(cluster.address, fails=True, PYTHONPATH=installed("2.0", 2))
    assert "CodeMismatchError" in said
    assert "rates is 1.0 here, 2.0 on the driver" in said
    assert not program.parts()


def test_another_version_on_the_driver_is_a_miss_that_says_so(program, installed):
    program.write(PROGRAM)
    old, new = installed("1.0", 1), installed("2.0", 2)
    assert "FOUND [0, 1, 2, 3]" in program.run("threads", PYTHONPATH=old)
    said = program.run("threads", PYTHONPATH=new)
    assert "priced: miss: distribution rates: 1.0 → 2.0" in said
    assert "FOUND [0, 2, 4, 6]" in said
    assert "priced: hit" in program.run("threads", PYTHONPATH=old)
