"""What is shown of a URL: nothing that gives access, whatever characters it has."""

from __future__ import annotations

import io
import logging
import os
from dataclasses import asdict

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from dtset import ConfigurationError, StoreError, TSetEnvironment
from dtset.checkpoint.job import Program
from dtset.urls import redacted, redacted_arguments, shown_url

SECRET = st.text(alphabet="jqw@/:?#&=%+~. ", min_size=1, max_size=12)
PLAIN = [
    "s3://bucket/data@v1/a",
    "s3://bucket/a#1.txt",
    "https://host:8080/a/b.txt",
    "http://[fe80::1]:80/x",
    "abfss://container@account.dfs.core.windows.net/a",
    "zip://me@home.txt::s3://bucket/a.zip",
    "simplecache::memory://a/b",
    "file:///data/q?.txt",
    "/data/user:pw@x?a=b",
    "~/store",
]


@given(SECRET, SECRET, st.sampled_from(["s3", "xfs", "https", "ftp", "simplecache::sftp"]))
def test_no_character_of_a_secret_is_shown(before, after, scheme):
    for url in (
        f"{scheme}://{before}:{after}@HOST/PATH",
        f"{scheme}://KEY:{after}@HOST/PATH",
        f"{scheme}://KEY:{before}@HOST:80/PATH?sig={after}",
        f"zip://A.txt::{scheme}://KEY:{before}@HOST/PATH",
    ):
        assert not set("jqw") & set(shown_url(url)), url


@given(st.text(alphabet="jqw@/?#&=%+~. ", max_size=12), st.sampled_from(["s3", "https"]))
def test_no_character_of_a_query_is_shown(secret, scheme):
    shown = shown_url(f"{scheme}://HOST/PATH?sig={secret}")
    assert not set("jqw") & set(shown)
    assert shown == f"{scheme}://HOST/PATH?…"


@pytest.mark.parametrize("url", PLAIN)
def test_what_is_not_secret_is_shown(url):
    assert shown_url(url) == url
    assert redacted(f"cannot open {url} now", url) == f"cannot open {url} now"


def test_secrets_are_taken_out_of_what_others_say_in_every_spelling():
    url = "ftp://ann:p%2Fw@host/x?token=abc/def"
    for said in ("p%2Fw", "p/w", "abc/def", "abc%2Fdef", "ann:p%2Fw", url, "https://b/c?sig=q1w2"):
        assert not any(s in redacted(f"no: {said}!", url) for s in ("p%2Fw", "p/w", "abc", "q1w2"))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--token=x", "a"], ("--token=***", "a")),
        (["--db-password", "x", "a"], ("--db-password", "***", "a")),
        (["db.password=x"], ("db.password=***",)),
        (["--in=https://h/a?X-Amz-Signature=x"], ("--in=https://h/a?…",)),
        (["ftp://u:x@h/y"], ("ftp://h/y",)),
        *(
            (same, tuple(same))
            for same in (
                ["--max-tokens=5", "--key-column", "id", "--author=x", "--token"],
                ["s3://b/2024-0?.txt", "s3://b/y=202?/m=*/x", "a?b=c", "s3://b/a@1"],
            )
        ),
    ],
)
def test_secrets_in_arguments(arguments, shown):
    assert redacted_arguments(arguments) == shown


class _Anywhere(MemoryFileSystem):
    """A file system whose URLs have users, passwords and queries."""

    protocol = "xfs"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        rest = str(path).split("://", 1)[-1].split("@")[-1].split("?")[0]
        return "/" + rest.strip("/")


fsspec.register_implementation("xfs", _Anywhere, clobber=True)


@pytest.fixture
def log():
    stream = io.StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize(
    "url",
    [
        "xfs://user:hunter2@host/x",
        "xfs://user:hunt@er2@host/x",
        "xfs://user:hunt/er2@host/x",
        "xfs://hunter2:@host/x",
        "xfs://host/x?sig=hunter2",
        "xfs://host/x?token=hunter2&a=b",
        "simplecache::xfs://user:hunter2@host/x",
    ],
)
def test_an_environment_shows_no_secret_of_its_store(url, log, tmp_path, monkeypatch):
    report = tmp_path / "report"
    monkeypatch.setenv("DTSET_REPORT", str(report))
    program = Program(("program", "--token", "hunter2"), "/")
    told = {"by": os.getppid(), "job_id": "job", "program": asdict(program)}
    monkeypatch.setattr("dtset.session.process._SUBMITTED", told)
    shown = ""
    try:
        with TSetEnvironment(job_id="job", store=url, cluster="synchronous", parallelism=2) as env:
            persisted = env.range(3).map(str).persist("a")
            shown += env.store + repr(env) + env._repr_html_()
            shown += persisted.url + repr(persisted) + persisted._repr_html_()
            with pytest.raises(LookupError) as caught:
                env.persisted("nothing")
            shown += str(caught.value)
            records = _Anywhere().cat(_Anywhere().find("/host/x/job/runs"))
            shown += str(records)
        shown += report.read_text()
    except StoreError as error:
        shown += str(error)
    shown += log.getvalue()
    assert "xfs://host/x" in shown
    assert not any(part in shown for part in ("hunter2", "er2@", "unt/er2"))


def test_what_is_shown_of_a_store_without_secrets_can_be_opened(store):
    import zarr

    with TSetEnvironment(
        job_id="job", store="memory://shown-and-opened/a@b", cluster="threads"
    ) as env:
        persisted = env.range(3, parallelism=1).persist()
        group = zarr.open_group(persisted.url, mode="r")
        assert [*group.groups()]


def test_errors_show_no_secret_of_a_source(env):
    for url in ("nosuch://u:hunter2@h/x?sig=hunter2", "xfs://u:hunter2@h/x?sig=hunter2"):
        with pytest.raises((ConfigurationError, FileNotFoundError)) as caught:
            env.read_text([url])
        assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)
    with pytest.raises(ConfigurationError) as caught:
        env.range(1).map(abs, depends_on=["s3://u:hunter2@h/x", 5])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("simplecache::s3://key:se/cr@et@bucket/x", "simplecache::s3://bucket/x"),
        ("https://host:8080/a.txt?sig=secret#top", "https://host:8080/a.txt?…"),
        ("ftp://user:1/2@host/x", "ftp://…"),
    ],
)
def test_what_is_left_of_a_url(url, shown):
    assert shown_url(url) == shown


def test_what_is_left_of_a_text():
    said = redacted("GET https://host/a?sig=secret failed for user ann", "ftp://ann:1234@host")
    assert said == "GET https://host/a?… failed for user ***"
