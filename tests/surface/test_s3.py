"""Jobs whose store is S3, over HTTP."""

from __future__ import annotations

import operator

import pytest
import s3fs

from dtset import StoreError, TSetEnvironment


@pytest.mark.parametrize("where", ["threads", "processes of our own"])
def test_job_on_s3_persists_restarts_and_keeps_no_secrets(s3_url, s3_options, where):
    def environment():
        return TSetEnvironment(
            job_id="on-s3",
            store=s3_url,
            storage_options=s3_options,
            cluster="threads" if where == "threads" else None,
            resources=None if where == "threads" else [{"cpu": 1, "instances": 1}],
            parallelism=3,
        )

    for hit in (False, True):
        with environment() as env:
            words = env.parallelize(["a", "b", "a"] * 5).map_to_tuple(lambda w: (w, 1)).persist()
            counts = words.keyed_reduce(operator.add).persist()
            assert (words.hit, counts.hit) == (hit, hit)
            assert dict(counts.collect()) == {"a": 10, "b": 5}
            assert env.init_variable("epoch", 0) == (1 if hit else 0)
            env.update_variable("epoch", 1)
            env.commit()
            assert "testing-secret" not in repr(env) + env._repr_html_() + counts.url
    files = s3fs.S3FileSystem(**s3_options)
    stored = files.find(s3_url)
    assert len(stored) > 10
    for path in stored:
        assert b"testing-secret" not in files.cat_file(path)


def test_bucket_that_is_not_there(s3_url, s3_options):
    with pytest.raises(StoreError, match="no-such-bucket"):
        TSetEnvironment(
            store="s3://no-such-bucket/x", storage_options=s3_options, cluster="synchronous"
        )


def test_text_on_s3(s3_url, s3_options, store):
    files = s3fs.S3FileSystem(**s3_options)
    for name in "ab":
        files.pipe_file(f"{s3_url}/data/{name}.txt", f"{name}1\n{name}2\n".encode())

    def read():
        with TSetEnvironment(store=store, cluster="threads", job_id="text") as env:
            lines = env.read_text(f"{s3_url}/data/*.txt", 2, storage_options=s3_options)
            persisted = lines.map(str.strip).persist()
            return persisted.hit, persisted.collect()

    assert read() == (False, ["a1", "a2", "b1", "b2"])
    assert read() == (True, ["a1", "a2", "b1", "b2"])
    files.pipe_file(f"{s3_url}/data/b.txt", b"b1\nb3\n")
    assert read() == (1, ["a1", "a2", "b1", "b3"])
