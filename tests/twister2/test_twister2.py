from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import dtset
from dtset.twister2 import SHIM
from dtset.twister2.environment import Twister2Environment
from tests.forks import run_python

ROOT = Path(dtset.__file__).resolve().parents[1]
SEED = Path(__file__).parents[2] / "examples" / "tset_checkpointing.py"


def _environment(*path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DTSET_", "DASK_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT]))}


def _python(*arguments: object, path: tuple[Path, ...] = ()) -> str:
    done = run_python([*map(str, arguments)], Path.cwd(), _environment(*path))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_seed_runs_unmodified_and_restarts_from_its_checkpoint(tmp_path: Path) -> None:
    store = ["--store", tmp_path]
    first = _python(
        "-m", "dtset.cli.main", "submit", "--twister2", "--job-id", "seed", *store, SEED
    )
    assert first.count("SUM = 999980000\n") == 1
    assert re.search(r"^Job ID +: seed$", first, re.M)
    assert "Cluster type : 4 local worker processes" in first
    assert "persisted compute add_two: computed, 4 partitions, 40000 rows" in first
    assert "Hello from worker 0" in first
    again = _python("-m", "dtset.cli.main", "restart", "seed", *store)
    assert again.count("SUM = 999980000\n") == 1
    assert "persisted compute add_two: found, 4 partitions, 40000 rows" in again
    assert "Time taken for persist 0\n" in again


IMPORTS = [
    "from twister2 import TSetContext",
    "from twister2.TSetContext import TSetContext",
    "import twister2.TSetContext; TSetContext = twister2.TSetContext.TSetContext",
    "from twister2.Twister2Environment import Twister2Environment",
    "from twister2.tset.fn.SourceFunc import SourceFunc",
    "from twister2.tset.fn import SourceFunc; SourceFunc = SourceFunc.SourceFunc",
    "from twister2.tset.fn.PartitionFunc import PartitionFunc",
]


def test_every_import_gives_ours_in_any_order() -> None:
    check = "\n".join(
        [
            "import dtset",
            "from dtset.twister2.environment import Twister2Environment as OURS",
            *IMPORTS,
            "assert TSetContext is dtset.TSetContext",
            "assert SourceFunc is dtset.SourceFunc",
            "assert PartitionFunc is dtset.PartitionFunc",
            "assert Twister2Environment is OURS",
            *reversed(IMPORTS),
            "from twister2 import TSetContext",
            "assert TSetContext is dtset.TSetContext",
            "from dtset.fingerprint.origin import distribution_of, is_user_module",
            "import sys",
            "names = [name for name in sys.modules if name.partition('.')[0] == 'twister2']",
            "assert len(names) == 7, names",
            "assert not any(map(is_user_module, names))",
            "assert not any(map(distribution_of, names))",
        ]
    )
    _python("-c", check, path=(SHIM,))


def test_a_worker_without_twister2s_names_can_run_what_refers_to_them(tmp_path: Path) -> None:
    send = tmp_path / "send.py"
    send.write_text(
        "import pickle, sys\n"
        "import twister2.tset.fn.SourceFunc as module\n"
        "from twister2 import TSetContext\n"
        "from twister2.Twister2Environment import Twister2Environment\n"
        "class Three(module.SourceFunc):\n"
        "    def has_next(self): return True\n"
        "    def next(self): return 3\n"
        "def f(x, ctx: TSetContext = None, env: Twister2Environment = None):\n"
        "    assert issubclass(Three, module.SourceFunc)\n"
        "    return x + Three().next()\n"
        "from dtset.execution.shipping import ship\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    pickle.dump(ship({'f': f}, ()), file)\n"
    )
    receive = (
        "import pickle, sys\n"
        "from dtset.execution.shipping import receive\n"
        "with open(sys.argv[1], 'rb') as file:\n"
        "    program = receive(pickle.load(file))\n"
        "print(program.objects['f'](4))\n"
        "assert not any(name.startswith('twister2') for name in sys.modules)\n"
    )
    _python(send, tmp_path / "shipment", path=(SHIM,))
    assert _python("-c", receive, tmp_path / "shipment") == "7\n"


def test_mpi_is_refused_before_anything_is_started() -> None:
    with pytest.raises(dtset.ConfigurationError, match="no MPI ranks"):
        Twister2Environment(mpi_aware=True)
