from __future__ import annotations

import re
from pathlib import Path

from tests.examples.processes import ROOT, run


def test_the_program_in_the_readme_computes_then_finds(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    program = tmp_path / "squares.py"
    source, _ = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    program.write_text(source, encoding="utf-8")
    total = f"total {sum(i * i for i in range(400))}"
    divisible = f"{sum(i * i % 3 == 0 for i in range(400))} divisible by 3"
    for found in ("computed", "found"):
        output = run(str(program), store=tmp_path / "store")
        assert output.splitlines() == [found, total, divisible]
    program.write_text(source.replace("return i * i", "return i * i + 1"), encoding="utf-8")
    assert run(str(program), store=tmp_path / "store").splitlines()[0] == "computed"


def test_the_driver_state_in_the_readme_survives_a_restart(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, snippet = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    program = tmp_path / "epochs.py"
    program.write_text(
        f"from dtset import TSetEnvironment\nenv = TSetEnvironment(job_id='epochs', cluster='threads')\n{snippet}"
        "print(epoch)\nenv.close()\n",
        encoding="utf-8",
    )
    assert [run(str(program), store=tmp_path / "store").strip() for _ in range(3)] == [
        "0",
        "1",
        "2",
    ]
