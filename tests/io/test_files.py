"""Which files a name means, and what tells one state of a file from another."""

from __future__ import annotations

import gzip
import http.server
import io
import os
import pickle
import tarfile
import threading
import zipfile

import fsspec
import pytest

from dtset import ConfigurationError, SourceChangedError, TSetEnvironment
from dtset.io import local_files
from dtset.io.cuts import Cutting
from dtset.io.files import below_common_folder, check_unchanged, find_files, opened
from dtset.io.text import text_source
from dtset.plan.context import TSetContext


def names(urlpath, options=None):
    return [file.path.rpartition("/")[2] for file in find_files(urlpath, options or {})]


def lines(urlpath, options=None):
    source = pickle.loads(
        pickle.dumps(text_source(urlpath, Cutting(1), "utf-8", "strict", options or {}))
    )
    return list(source.elements(TSetContext(index=0, parallelism=1, id="t", name="t")))


def identities(source):
    return dict(source.identity())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(*paths):
    for path in paths:
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"{path}\n")


def test_a_name_that_exists_is_meant_also_where_it_could_be_a_glob(folder):
    odd = [
        "a[1].txt",
        "q?.txt",
        "*.csv",
        "a::b.txt",
        "zip::c.txt",
        " b ",
        "~",
        "#",
        "%41",
        "ü€",
        "{x}",
    ]
    write(*odd, "a1.txt", "qx.txt", "x.csv", "A")
    for name in odd:
        assert lines(name) == [f"{name}\n"]
        assert lines(folder / name) == [f"{name}\n"]
        assert lines(os.fsencode(name)) == [f"{name}\n"]
    assert lines([*odd, "a1.txt"]) == [f"{name}\n" for name in [*odd, "a1.txt"]]
    assert names("?[1x].txt") == ["a1.txt", "qx.txt"]


def test_folders_above_a_glob_that_exist_are_meant(folder, monkeypatch):
    write("run[1]/a.txt", "run1/b.txt", "run[1]/sub/c.txt")
    assert lines("run[1]/*.txt") == ["run[1]/a.txt\n"]
    assert lines("run[1]/**/*.txt") == ["run[1]/a.txt\n", "run[1]/sub/c.txt\n"]
    monkeypatch.chdir("run[1]")
    assert names("*.txt") == ["a.txt"]
    assert names("../run1/*.txt") == ["b.txt"]


def test_a_name_that_is_not_utf_8(folder, store):
    name = os.fsdecode(b"\xff.txt")
    write(name.replace("\udcff", "x"))
    os.rename("x.txt", b"\xff.txt")
    with TSetEnvironment(store=store, cluster="synchronous", job_id="odd") as env:
        for hit in (False, True):
            persisted = env.read_text([b"\xff.txt"], 1).persist(f"{hit}")
            assert persisted.collect() == ["x.txt\n"]
        assert env.range(1).map(abs, depends_on=b"\xff.txt").persist("abs").count() == 1


def test_addresses_of_local_files(folder):
    write("a b.txt", "c%20d.txt")
    assert lines((folder / "a b.txt").as_uri()) == ["a b.txt\n"]
    assert lines(f"file://{folder}/a b.txt") == ["a b.txt\n"]
    assert lines(f"file://{folder}/c%20d.txt") == ["c%20d.txt\n"]
    assert names(f"file://{folder}/*.txt") == ["a b.txt", "c%20d.txt"]


def test_wildcards_match_no_hidden_files_and_folders(folder):
    write("a.txt", ".a.txt", "._a.txt", "s/b.txt", "s/.b.txt", ".h/c.txt", "s/t/d.txt")
    assert names("*.txt") == ["a.txt"]
    assert names("**/*.txt") == ["a.txt", "b.txt", "d.txt"]
    assert names("**") == ["a.txt", "b.txt", "d.txt"]
    assert names("*/*.txt") == ["b.txt"]
    assert names(".*.txt") == ["._a.txt", ".a.txt"]
    assert names(".h/*.txt") == ["c.txt"]
    assert names("**/.b*") == [".b.txt"]


def test_the_same_names_match_in_every_file_system(folder):
    paths = [
        "a.txt",
        ".a.txt",
        "s/b.txt",
        "s/.b.txt",
        ".h/c.txt",
        "s/t/d.txt",
        "x[1]/e.txt",
        "x1/f.txt",
        "q?.txt",
        "qx.txt",
    ]
    write(*paths)
    memory = fsspec.filesystem("memory")
    with zipfile.ZipFile(".z.zip", "w") as archive, tarfile.open(".t.tar.gz", "w:gz") as tar:
        for number, path in enumerate(paths):
            memory.pipe(f"/matching/{path}", b"x")
            # As `tar czf .t.tar.gz .` writes them.
            archive.write(path, path)
            tar.add(path, f"./{path}" if number % 2 else path)
    for pattern in (
        "*.txt",
        "**/*.txt",
        "**",
        "*/*.txt",
        ".*.txt",
        ".h/*",
        "x[1]/*.txt",
        "q?.txt",
        "*/t/*",
        "s/*/*",
    ):
        expected = names(pattern)
        assert expected
        assert names(f"memory://matching/{pattern}") == expected, pattern
        assert names(f"zip://{pattern}::.z.zip") == expected, pattern
        assert names(f"tar://{pattern}::.t.tar.gz") == expected, pattern
    with pytest.raises(FileNotFoundError, match=r"memory://matching/none-\*"):
        names("memory://matching/none-*")


def test_a_link_that_leads_nowhere_fails_no_glob_and_is_said(folder, caplog):
    local_files._say_left_out.cache_clear()
    write("a.txt")
    os.symlink("gone", "b.txt")
    os.symlink("c.txt", "c.txt")
    assert names("*.txt") == ["a.txt"]
    assert "b.txt is left out" in caplog.text
    assert "c.txt is left out" in caplog.text
    with pytest.raises(FileNotFoundError, match="is a link to gone"):
        names("b.txt")
    write("gone")
    assert names("*.txt") == ["a.txt", "b.txt"]


def test_links_to_folders_are_followed_where_they_are_matched(folder):
    write("real/a.txt")
    os.symlink("real", "link")
    os.symlink("..", "real/up")
    assert names("*/a.txt") == ["a.txt", "a.txt"]
    assert names("**/*.txt") == ["a.txt"]


def test_folders_and_pipes(folder):
    write("a.txt", "sub.txt/b.txt")
    os.mkfifo("p.txt")
    assert names("*.txt") == ["a.txt"]
    assert names("sub.txt") == ["b.txt"]
    assert names(".") == ["a.txt"]
    assert names("{sub.txt/b,a}.txt") == ["b.txt", "a.txt"]
    with pytest.raises(OSError, match=r"p\.txt is no file"):
        names("p.txt")
    with pytest.raises(FileNotFoundError):
        names("s*.txt")
    fsspec.filesystem("memory").pipe("/folders/sub.txt/b.txt", b"x")
    fsspec.filesystem("memory").pipe("/folders/a.txt", b"x")
    assert names("memory://folders/*.txt") == ["a.txt"]
    assert names("memory://folders/sub.txt") == ["b.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_an_error(folder):
    write("a/x.txt", "b/x.txt")
    os.chmod("b", 0)
    try:
        with pytest.raises(PermissionError):
            names("*/x.txt")
    finally:
        os.chmod("b", 0o700)


def test_members_of_archives_are_all_read(folder):
    for name in ("one.zip", "two[1].zip"):
        with zipfile.ZipFile(name, "w") as archive:
            for member in ("x.txt", "y.txt", "sub/z.txt"):
                archive.writestr(member, f"{name} {member}\n")
    assert lines("zip://*.txt::one.zip") == ["one.zip x.txt\n", "one.zip y.txt\n"]
    assert lines("zip://sub/z.txt::two[1].zip") == ["two[1].zip sub/z.txt\n"]
    assert len(lines("zip://**::*.zip")) == 6
    assert lines(["zip://y.txt::one.zip", "zip://y.txt::two[1].zip"]) == [
        "one.zip y.txt\n",
        "two[1].zip y.txt\n",
    ]
    for cache in ("simplecache", "filecache", "blockcache"):
        assert len(lines(f"zip://*.txt::{cache}::one.zip")) == 2
        assert len(lines(f"{cache}::zip://*.txt::one.zip")) == 2
    with zipfile.ZipFile("outer.zip", "w") as archive:
        archive.write("one.zip")
    assert len(lines("zip://*.txt::zip://one.zip::outer.zip")) == 2
    with pytest.raises(FileNotFoundError):
        names("zip://none*::one.zip")
    with pytest.raises(FileNotFoundError):
        names("zip://*::gone.zip")
    with pytest.raises(IsADirectoryError, match=r"zip://sub/\*"):
        names("zip://sub::one.zip")


def test_an_archive_that_is_not_taken_apart_is_an_error_unless_it_stands_for_one_file(folder):
    with zipfile.ZipFile("one.zip", "w") as archive:
        archive.writestr("sub/", "")
        archive.writestr("sub/x.txt", "x\n")
    assert lines("one.zip") == ["x\n"]
    with zipfile.ZipFile("one.zip", "a") as archive:
        archive.writestr("y.txt", "y\n")
    with pytest.raises(ConfigurationError, match=r"holds 2 files.*zip://\*::one\.zip"):
        lines("one.zip")
    with tarfile.open("a.tar.gz", "w:gz") as tar:
        tar.add("one.zip")
    with pytest.raises(ConfigurationError, match=r"tar://\*::a\.tar\.gz"):
        lines("a.tar.gz")


def test_a_change_that_keeps_size_and_modification_time_is_seen(folder):
    write("a.txt")
    when = os.stat("a.txt").st_mtime_ns
    (before,) = find_files("a.txt", {})
    with open("a.txt", "w") as file:
        file.write("A.TXT\n")
    os.utime("a.txt", ns=(when, when))
    (after,) = find_files("a.txt", {})
    assert before.size == after.size
    assert before.identity != after.identity
    with pytest.raises(SourceChangedError, match=r"a\.txt changed while"):
        check_unchanged(before)
    check_unchanged(after)


def test_another_file_put_in_its_place_is_seen(folder):
    write("a.txt")
    (before,) = find_files("a.txt", {})
    os.link("a.txt", "kept")
    write("b.txt")
    os.replace("b.txt", "a.txt")
    (after,) = find_files("a.txt", {})
    assert before.identity.rpartition("inode=")[2] != after.identity.rpartition("inode=")[2]


@pytest.mark.parametrize(
    "prefix", ["zip://*.txt::", "simplecache::zip://*.txt::", "zip://*.txt::simplecache::"]
)
def test_members_change_when_their_archive_does(folder, prefix):
    def archive(content):
        with zipfile.ZipFile("z.zip", "w") as file:
            file.writestr("x.txt", content)

    archive("1\n")
    source = text_source(f"{prefix}z.zip", Cutting(1), "utf-8", "strict", {})
    assert lines(f"{prefix}z.zip") == ["1\n"]
    archive("2\n")
    assert identities(source) != identities(
        text_source(f"{prefix}z.zip", Cutting(1), "utf-8", "strict", {})
    )
    assert lines(f"{prefix}z.zip") == ["2\n"]
    with pytest.raises(SourceChangedError, match=r"z\.zip/x\.txt"):
        list(source.elements(TSetContext(index=0, parallelism=1, id="t", name="t")))


def test_each_file_counts_also_where_names_are_alike(folder):
    write("a.txt", "b.txt")

    def identity(urls):
        return list(identities(text_source(urls, Cutting(1), "utf-8", "strict", {})).items())

    found = [
        identity(urls)
        for urls in ("a.txt", ["a.txt", "a.txt"], ["a.txt", "b.txt"], ["b.txt", "a.txt"])
    ]
    assert all(one not in found[:number] for number, one in enumerate(found))


def test_a_colon_pair_in_a_url_never_means_what_stands_before_it():
    fsspec.filesystem("memory").pipe("/pair/a", b"other")
    for url in ("memory://pair/a::b.txt", "http://host/a?b::c", "s3://bucket/a::b"):
        with pytest.raises(ConfigurationError, match="::"):
            names(url)


def test_files_of_several_file_systems_are_one_source(folder):
    write("a.txt")
    fsspec.filesystem("memory").pipe("/several/b.txt", b"b\n")
    assert lines(["memory://several/b.txt", "a.txt"]) == ["b\n", "a.txt\n"]


class _Served(http.server.BaseHTTPRequestHandler):
    """Files over HTTP, as servers of several kinds give them."""

    content: dict[str, bytes]
    headers_sent: dict[str, str]
    requests: list[str]

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        self.requests.append(self.path)
        data = self.content.get(self.path.partition("?")[0])
        if data is None or "denied" in self.path:
            self.send_error(403 if data else 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def served():
    kind = type("Served", (_Served,), {"content": {}, "headers_sent": {}, "requests": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    kind.root = f"http://127.0.0.1:{server.server_port}"
    yield kind
    server.shutdown()
    thread.join()
    server.server_close()


def identity_of(url):
    (file,) = find_files(url, {})
    return file.identity


def test_a_url_that_is_signed_anew_is_the_same_file(served):
    served.content["/a.txt"] = b"x\n"
    served.headers_sent["ETag"] = '"1"'
    signed = [f"{served.root}/a.txt?X-Amz-Signature={s}&X-Amz-Date={s}" for s in ("one", "two")]
    sources = [identities(text_source(url, Cutting(1), "utf-8", "strict", {})) for url in signed]
    assert sources[0] == sources[1]
    assert "=one" not in str(sources[0])
    assert lines(signed[0]) == ["x\n"]
    # What else is asked for may be another file, with the same ETag.
    kinds = [f"{served.root}/a.txt{query}" for query in ("", "?page=1", "?page=2", "?token=1")]
    assert len({identity_of(url) for url in kinds}) == 4
    served.content["/sub/a.txt"] = b"x\n"
    assert identity_of(f"{served.root}/sub/a.txt") != identity_of(f"{served.root}/a.txt")


@pytest.mark.parametrize(
    ("headers", "changed"),
    [
        ({"ETag": '"1"'}, {"ETag": '"2"'}),
        (
            {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
            {"Last-Modified": "Mon, 01 Jan 2024 00:00:01 GMT"},
        ),
        ({"ETag": 'W/"1"', "Last-Modified": "a"}, {"ETag": 'W/"1"', "Last-Modified": "b"}),
    ],
)
def test_http_files_are_known_by_what_the_server_says(served, headers, changed):
    served.content["/a.txt"] = b"x\n"
    served.headers_sent.update(headers)
    before = identity_of(f"{served.root}/a.txt")
    assert before == identity_of(f"{served.root}/a.txt")
    served.headers_sent.update(changed)
    assert before != identity_of(f"{served.root}/a.txt")


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}])
def test_http_files_of_which_the_server_says_nothing_are_known_by_content(served, headers):
    served.headers_sent.update(headers)
    served.content["/a.txt"] = b"x\n"
    before = identity_of(f"{served.root}/a.txt")
    served.content["/a.txt"] = b"y\n"
    assert before != identity_of(f"{served.root}/a.txt")


def test_an_archive_and_a_compressed_file_over_http(served):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.txt", "x\n")
        archive.writestr("y.txt", "y\n")
    served.content.update({"/z.zip": packed.getvalue(), "/a.txt.gz": gzip.compress(b"a\n")})
    assert lines(f"zip://*.txt::{served.root}/z.zip?sig=1") == ["x\n", "y\n"]
    assert lines(f"{served.root}/a.txt.gz?sig=1") == ["a\n"]


def test_errors_while_files_are_read_show_no_secret(served, store, caplog):
    served.content["/a.txt"] = b"x\n"
    url = f"{served.root}/a.txt?sig=hunter2"
    (file,) = find_files(url, {})
    assert "hunter2" not in repr(file)
    del served.content["/a.txt"]
    with pytest.raises(OSError, match=r"a\.txt") as caught, opened(file) as raw:
        raw.read()
    error = caught.value
    assert "hunter2" not in f"{error!r} {error.__cause__!r}"
    assert error.__suppress_context__ or error.__context__ is None
    with pytest.raises(SourceChangedError) as changed:
        check_unchanged(file)
    assert "hunter2" not in str(changed.value)
    with pytest.raises(FileNotFoundError) as absent:
        find_files(f"{served.root}/denied.txt?sig=hunter2", {})
    assert "hunter2" not in str(absent.value)


def test_a_source_leaves_no_secret_in_the_store(served, store):
    served.content["/a.txt"] = b"x\n"
    url = f"{served.root}/a.txt?token=hunter2"
    with TSetEnvironment(store=store, cluster="synchronous", job_id="job") as env:
        tset = env.read_text(url, 1).map(str.strip)
        assert tset.persist("read").collect() == ["x"]
        assert "hunter2" not in repr(tset) + repr(tset._node)
    for folder, _, found in os.walk(store):
        for name in found:
            with open(os.path.join(folder, name), "rb") as file:
                assert b"hunter2" not in file.read()


def test_files_on_s3(s3_url, s3_options):
    import s3fs

    files = s3fs.S3FileSystem(**s3_options)
    odd = [
        "a[1].txt",
        "q?.txt",
        "b c.txt",
        "ü.txt",
        "#.txt",
        "a1.txt",
        "qx.txt",
        ".h.txt",
        "run[1]/x.txt",
        "run1/y.txt",
    ]
    for name in odd:
        files.pipe_file(f"{s3_url}/{name}", f"{name}\n".encode())
    for name in odd:
        assert lines(f"{s3_url}/{name}", s3_options) == [f"{name}\n"]
    assert lines(f"{s3_url}/run[1]/*.txt", s3_options) == ["run[1]/x.txt\n"]
    assert lines(f"{s3_url}/.*.txt", s3_options) == [".h.txt\n"]
    assert len(find_files(f"{s3_url}/*.txt", s3_options)) == 7
    chained = {"s3": s3_options}
    assert lines(f"simplecache::{s3_url}/q*.txt", chained) == ["q?.txt\n", "qx.txt\n"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.txt", "x\n")
    files.pipe_file(f"{s3_url}/z.zip", packed.getvalue())
    assert lines(f"zip://*::{s3_url}/z.zip", chained) == ["x\n"]
    assert len(find_files(s3_url, s3_options)) == 8


def test_names_are_those_below_the_common_folder(folder):
    write("d/a.txt", "d/s/b.txt")
    found = find_files(["d/a.txt", "d/s/b.txt", "d/a.txt"], {})
    assert [name for name, _ in below_common_folder(found)] == ["a.txt", "s/b.txt", "a.txt (2)"]
