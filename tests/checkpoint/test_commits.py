"""Commits of partitions and of whole TSets, and what becomes of those that are torn or out of place."""

from __future__ import annotations

import dataclasses

import pytest

from dtset import CorruptCheckpointError
from dtset.checkpoint.job import Job, open_job
from dtset.checkpoint.layout import data_path, generation_path, manifest_path, part_path
from dtset.checkpoint.manifest import Manifest, commit_manifest, find_manifest
from dtset.checkpoint.part import Part, commit_part, find_part, read_parts
from dtset.checkpoint.resolution import Hit, Miss, resolve
from dtset.storage.batch import Rows
from dtset.storage.opening import open_store
from dtset.storage.partition_writer import PartitionWriter

JOB, VERSION = "job", f"{'c' * 64}/{'f' * 64}"
PATH = generation_path(JOB, VERSION, "0")


@pytest.fixture
def objects(tmp_path):
    store = open_store(str(tmp_path / "store"))
    open_job(store, Job(JOB, "n", 1, 0.0, {}))
    return store


def attempt(objects, partition=0, name="a1", elements=(1, 2), classes=None):
    writer = PartitionWriter(objects, data_path(PATH, partition, name))
    writer.append(Rows(list(elements)))
    return Part(partition, name, "run", 0.1, writer.finish(), classes or {})


def manifest(objects, parts, **changes):
    for part in parts:
        commit_part(objects, PATH, part)
    fields = {
        "job_id": JOB, "version": VERSION, "generation": "0", "name": "n", "operators": ("range",),
        "parts": parts, "seconds": 1.0, "created": 2.0, **changes,
    }  # fmt: skip
    return Manifest(**fields)


def test_the_first_commit_of_a_partition_counts(objects):
    first, second = attempt(objects, name="a1"), attempt(objects, name="a2", elements=(3,))
    assert commit_part(objects, PATH, first) == first
    assert commit_part(objects, PATH, second) == first
    assert find_part(objects, PATH, 0) == first
    assert read_parts(objects, PATH) == {0: first}


def test_a_torn_commit_counts_as_absent_and_can_be_made_again(objects):
    part = attempt(objects)
    commit_part(objects, PATH, part)
    record = objects.get(part_path(PATH, 0))
    for torn in (record[:-5], b"", b"{}", b"\x00" * 50, record.replace(b'"rows":2', b'"rows":3')):
        objects.put(part_path(PATH, 0), torn)
        assert find_part(objects, PATH, 0) is None
        assert read_parts(objects, PATH) == {}
        assert commit_part(objects, PATH, part) == part


def test_a_commit_out_of_place_is_an_error(objects):
    commit_part(objects, PATH, attempt(objects))
    record = objects.get(part_path(PATH, 0))
    other = generation_path(JOB, "e" * 64, "0")
    for path, partition in ((other, 0), (PATH, 1)):
        objects.put(part_path(path, partition), record)
        with pytest.raises(CorruptCheckpointError, match="moved"):
            find_part(objects, path, partition)


def test_manifests_come_back_as_they_were(objects):
    parts = [attempt(objects, number, classes={"m:C": "ab"}) for number in range(3)]
    committed = commit_manifest(objects, manifest(objects, parts))
    found = find_manifest(objects, JOB, VERSION)
    assert found is not None
    assert found.to_json() == committed.to_json()
    assert (found.rows, found.partitions, found.classes) == (6, 3, {"m:C": "ab"})


def test_the_first_manifest_counts_unless_it_is_replaced(objects):
    one, other = attempt(objects, name="a1"), attempt(objects, name="a2", elements=(5,))
    commit_manifest(objects, manifest(objects, [one]))
    assert commit_manifest(objects, manifest(objects, [other])).parts == (one,)
    replaced = manifest(objects, [other])
    other_path = generation_path(JOB, VERSION, "r1")
    commit_part(objects, other_path, other)
    replaced = dataclasses.replace(replaced, generation="r1")
    commit_manifest(objects, replaced, replace=True)
    assert find_manifest(objects, JOB, VERSION).generation == "r1"


def test_a_manifest_out_of_place_is_an_error(objects):
    commit_manifest(objects, manifest(objects, [attempt(objects)]))
    record = objects.get(manifest_path(JOB, VERSION))
    for job, version in ((JOB, f"{'c' * 64}/{'e' * 64}"), ("other", VERSION)):
        objects.put(manifest_path(job, version), record)
        with pytest.raises(CorruptCheckpointError, match="moved"):
            find_manifest(objects, job, version)


def test_equal_data_have_equal_digests_however_they_were_partitioned_in_time(objects):
    one = manifest(objects, [attempt(objects, name="a1"), attempt(objects, 1, "a2", (3,))])
    other = manifest(objects, [attempt(objects, name="b1"), attempt(objects, 1, "b2", (3,))])
    assert one.digest == other.digest
    assert one.digest != manifest(objects, [attempt(objects, name="c", elements=(1, 2, 3))]).digest


def test_resolution_is_a_hit_partial_or_a_miss(objects):
    def looked_up(generation="0", code="ab"):
        return resolve(objects, JOB, VERSION, generation, lambda module, name: code)

    assert looked_up() == Miss(VERSION, {})
    part = commit_part(objects, PATH, attempt(objects, classes={"m:C": "ab"}))
    assert looked_up() == Miss(VERSION, {0: part})
    assert looked_up(generation=None) == Miss(VERSION, {})
    edited = looked_up(code="cd")
    assert edited.version != VERSION
    assert edited.parts == {}
    assert looked_up(generation=None, code="cd") == edited
    commit_manifest(objects, manifest(objects, [part]))
    assert isinstance(looked_up(), Hit)
    assert looked_up(code="cd") == edited
    gone = looked_up(code=None)
    assert isinstance(gone, Miss)
    assert gone.version not in (VERSION, edited.version)


def test_a_tset_completed_under_edited_classes_is_found_again(objects):
    def looked_up(generation="0"):
        return resolve(objects, JOB, VERSION, generation, lambda module, name: "cd")

    commit_part(objects, PATH, attempt(objects, classes={"m:C": "ab"}))
    edited = looked_up().version
    path = generation_path(JOB, edited, "0")
    part = commit_part(objects, path, attempt(objects, classes={"m:C": "cd"}))
    assert looked_up() == Miss(edited, {0: part}, ("class m.C: code changed",))
    whole = dataclasses.replace(manifest(objects, [part]), version=edited)
    commit_manifest(objects, whole)
    assert isinstance(looked_up(), Hit)
    assert isinstance(looked_up(generation=None), Hit)
