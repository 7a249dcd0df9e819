from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dtset import TSetEnvironment
from dtset.checkpoint.job import Program, read_job
from dtset.checkpoint.runs import begin_run
from dtset.cli.main import main
from dtset.storage.opening import open_store
from dtset.storage.records import seal, unseal


def _run(store: Path, job_id: str) -> None:
    with TSetEnvironment(job_id=job_id, store=store, cluster="synchronous") as env:
        numbers = env.range(6, parallelism=3).map(abs).persist("numbers [all]")
        numbers.filter(lambda i: i % 2).persist("odd")


def _fail(store: Path, job_id: str) -> None:
    """Leave what a run leaves that failed after two of three partitions."""
    env = TSetEnvironment(job_id=job_id, store=store, cluster="synchronous")
    env.range(6, parallelism=3).persist()
    env.__exit__(ValueError, ValueError("as a with block raises it"), None)
    (manifest,) = store.glob(f"{job_id}/tsets/*/*/manifest.json")
    manifest.unlink()
    (record,) = store.glob(f"{job_id}/tsets/*/*/*/parts/1.json")
    record.unlink()


@pytest.fixture
def two_jobs(cli: Any) -> Path:
    _run(cli.store, "first")
    _fail(cli.store, "second")
    _run(cli.store, "first")
    (cli.store / "not a job").mkdir()
    store: Path = cli.store
    return store


def test_jobs_are_listed_the_last_one_at_the_end(cli: Any, two_jobs: Path) -> None:
    second, first = cli.json("jobs")
    assert {key: first[key] for key in ("id", "name", "state", "persisted")} == {
        "id": "first",
        "name": first["name"],
        "state": "completed",
        "persisted": 2,
    }
    assert (second["id"], second["state"], second["persisted"]) == ("second", "failed", 0)
    assert second["started"] < first["started"]
    assert first["bytes"] > 0
    assert second["bytes"] > 0
    lines = cli("jobs").stdout.splitlines()
    assert lines[0].split() == ["ID", "name", "state", "started", "persisted", "size"]
    assert [line.split()[0] for line in lines[2:]] == ["second", "first"]


def test_a_listing_looks_at_no_committed_chunk(cli: Any, two_jobs: Path) -> None:
    before = cli.json("jobs")[1]
    for folder in (two_jobs / "first").glob("tsets/*/*/*/data.zarr"):
        folder.rename(folder.with_name("elsewhere"))
    assert cli.json("jobs")[1] == before


def test_show_tells_what_was_persisted(cli: Any, two_jobs: Path) -> None:
    shown = cli.json("show", "first")
    numbers, odd = shown["persisted"]
    assert (numbers["name"], numbers["partitions"], numbers["rows"]) == ("numbers [all]", 3, 6)
    assert (odd["name"], odd["rows"], odd["skipped"]) == ("odd", 3, 0)
    assert numbers["operators"][0] == "range"
    assert numbers["operators"][1].startswith("map ")
    assert (numbers["hit"], odd["hit"]) == (True, True)
    assert numbers["bytes"] > 0
    assert 0 < numbers["seconds"] < 60
    text = cli("show", "first").stdout
    assert "numbers [all]" in text
    assert "range → map " in text
    assert text.count(" hit") == 2


def test_show_tells_what_is_not_finished(cli: Any, two_jobs: Path) -> None:
    shown = cli.json("show", "second")
    assert shown["persisted"] == []
    assert [each["partitions"] for each in shown["unfinished"]] == [2]
    text = cli("show", "second").stdout
    assert "Begun and not finished" in text
    assert "2 partitions committed" in text


def test_the_last_run_decides_what_is_a_hit(cli: Any) -> None:
    with TSetEnvironment(job_id="job", store=cli.store, cluster="synchronous") as env:
        env.range(4).persist("asked for once")
        env.range(5).persist("asked for again")
    with TSetEnvironment(job_id="job", store=cli.store, cluster="synchronous") as env:
        env.range(5).persist("asked for again")
        env.range(6).persist("new")
    hits = {each["name"]: each["hit"] for each in cli.json("show", "job")["persisted"]}
    assert hits == {"asked for once": None, "asked for again": True, "new": False}
    cells = [line.split()[-1] for line in cli("show", "job").stdout.splitlines()[-3:]]
    assert cells == ["-", "hit", "miss"]


def test_a_job_whose_record_is_torn_is_told_by_its_runs(cli: Any, two_jobs: Path) -> None:
    whole = cli.json("jobs"), cli.json("show", "second")
    (two_jobs / "second" / "job.json").write_text('{"sha256":"')
    assert (cli.json("jobs"), cli.json("show", "second")) == whole


def test_a_job_of_another_format_does_not_hide_the_others(cli: Any, two_jobs: Path) -> None:
    (two_jobs / "second" / "job.json").write_bytes(seal({"format": 99}))
    done = cli("jobs", status=2)
    assert "first" in done.stdout
    assert "second/job.json" in done.stderr


def test_clear_deletes_nothing_unless_told_to(cli: Any, two_jobs: Path) -> None:
    before = sorted(two_jobs.rglob("*"))
    done = cli("clear", "first", "second")
    assert sorted(two_jobs.rglob("*")) == before
    assert "Would delete job first: " in done.stdout
    assert "add --delete" in done.stdout
    cli("clear", "first", "--delete")
    assert sorted(os.listdir(two_jobs)) == ["not a job", "second"]


def test_clear_takes_one_tset(cli: Any, two_jobs: Path) -> None:
    done = cli("clear", "first", "--tset", "odd", "--delete")
    assert "Deleted TSet 'odd' of job first: 3 partitions, 3 rows" in done.stdout
    assert [each["name"] for each in cli.json("show", "first")["persisted"]] == ["numbers [all]"]
    _run(cli.store, "first")
    assert [each["hit"] for each in cli.json("show", "first")["persisted"]] == [True, False]
    done = cli("clear", "first", "--tset", "odds", "--delete", status=2)
    assert "it has: numbers [all], odd" in done.stderr


def test_clear_never_touches_a_running_job(cli: Any, two_jobs: Path) -> None:
    with TSetEnvironment(job_id="second", store=two_jobs, cluster="synchronous"):
        before = sorted(two_jobs.rglob("*"))
        done = cli("clear", "first", "second", "--delete", status=2)
        assert sorted(two_jobs.rglob("*")) == before
        assert f"job second is running, as process {os.getpid()}" in done.stderr
        assert cli.json("jobs")[-1]["state"] == "running"
    cli("clear", "first", "second", "--delete")
    assert sorted(os.listdir(two_jobs)) == ["not a job"]


def test_an_interrupted_clear_leaves_no_record_of_deleted_data(
    cli: Any, two_jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dtset.cli import clear, options
    from dtset.testing import FaultyStore

    for call in range(1, 6):
        store = FaultyStore(open_store(str(two_jobs)), fail_at=call, how="before")
        monkeypatch.setattr(clear, "configured_store", lambda *_, store=store: store)
        assert CliRunner().invoke(main, ["clear", "first", "--delete"]).exit_code == 2
        for record in two_jobs.glob("first/tsets/*/*/*/parts/*.json"):
            assert (record.parents[1] / "data.zarr").is_dir()
        for manifest in two_jobs.glob("first/tsets/*/*/manifest.json"):
            assert list(manifest.parent.glob("*/parts/*.json"))
        assert (two_jobs / "first" / "job.json").exists()
    monkeypatch.setattr(clear, "configured_store", options.configured_store)
    cli("clear", "first", "--delete")
    assert not (two_jobs / "first").exists()


def test_a_run_that_never_ended_counts_as_interrupted(cli: Any, two_jobs: Path) -> None:
    store = open_store(str(two_jobs))
    run = begin_run(store, read_job(store, "first"), "f" * 32, Program((), "/"))
    record = two_jobs / "first" / "runs" / run.run_id / "run.json"
    assert cli.json("jobs")[1]["state"] == "running"
    content = unseal(record.read_bytes())
    assert content is not None
    record.write_bytes(seal({**content, "process_started": "another boot"}))
    assert cli.json("jobs")[1]["state"] == "interrupted"


def test_an_empty_store_says_so(cli: Any) -> None:
    cli.store.mkdir()
    assert cli("jobs").stdout == f"No jobs in {cli.store}\n"
    assert cli.json("jobs") == []
