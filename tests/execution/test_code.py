"""Code that goes through the store: what a task runs is what the driver sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from dtset import CorruptCheckpointError, TSetEnvironment


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "said"),
    [(flip, "altered"), (Path.unlink, "gone"), (lambda p: p.write_bytes(b""), "altered")],
)
def test_code_that_was_altered_in_the_store_is_not_run(store, harm, said, tmp_path):
    table = "".join(map(str, range(30_000)))
    ran = tmp_path / "ran"

    def looked_up(i):
        for path in Path(store).glob("job/runs/*/sources/code-*"):
            harm(path)
        with ran.open("a") as file:
            file.write(f"{i} ")
        return table[i]

    with TSetEnvironment(store=store, job_id="job", cluster="synchronous", parallelism=8) as env:
        with pytest.raises(CorruptCheckpointError, match=f"code of this run .*{said}"):
            env.range(8).map(looked_up).persist("digits")
        assert len(ran.read_text().split()) < 8
