"""Programs that are killed while they write files."""

from __future__ import annotations

import pytest

from tests.programs import kill_all, wait_for

SLOW = """
import time
from pathlib import Path
from dtset import TSetEnvironment

folder = Path(__file__).parent

def slow(i):
    time.sleep(0.02)
    with open(folder / "computed", "a") as file:
        file.write(f"{i}\\n")
    return "x" * 5000 + str(i)

env = TSetEnvironment(cluster=CLUSTER)
env.range(120, parallelism=12).map(slow).write_text(folder / "out")
print("DONE")
"""


@pytest.mark.parametrize(
    "cluster", ["'synchronous'", "None, resources=[{'cpu': 1, 'instances': 2}]"]
)
def test_a_killed_writer_leaves_whole_files_and_goes_on_from_there(program, cluster):
    program.write(SLOW.replace("CLUSTER", cluster))
    out = program.folder / "out"
    process = program.start()
    wait_for(lambda: len(list(out.glob("part-*"))) >= 4)
    kill_all(process)
    before = {path.name: path.read_text() for path in out.glob("part-*")}
    assert 4 <= len(before) < 12
    for name, text in before.items():
        number = int(name[5:10])
        assert text == "".join("x" * 5000 + f"{i}\n" for i in range(10 * number, 10 * number + 10))
    (program.folder / "computed").unlink()
    assert "DONE" in program.run()
    assert sorted(path.name for path in out.iterdir()) == [f"part-{n:05d}.txt" for n in range(12)]
    again = {int(line) // 10 for line in (program.folder / "computed").read_text().split()}
    left = {n for n in range(12) if f"part-{n:05d}.txt" not in before}
    # One whose file was there, and whose record was not yet, is written again.
    assert left <= again
    assert len(again - left) <= 2
    assert "DONE" in program.run()
    assert len((program.folder / "computed").read_text().split()) == 10 * len(again)
