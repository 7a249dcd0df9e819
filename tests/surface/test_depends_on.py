"""Files that functions read by themselves, named with depends_on=."""

from __future__ import annotations

import pytest

from dtset import ConfigurationError, SourceChangedError, TSetEnvironment


def environment(store, **arguments):
    return TSetEnvironment(
        **{"store": store, "cluster": "synchronous", "job_id": "job", "parallelism": 2, **arguments}
    )


@pytest.fixture
def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a b")
    return path


def known(path):
    def is_known(word):
        return word in path.read_text().split()

    return is_known


def test_another_content_is_a_miss_that_names_the_file(store, words):
    with environment(store) as env:
        tset = env.parallelize(["a", "c"]).filter(known(words), depends_on=words)
        assert tset.persist("known").collect() == ["a"]
    with environment(store) as env:
        tset = env.parallelize(["a", "c"]).filter(known(words), depends_on=[words])
        assert tset.persist("known").hit is True
    words.write_text("a b c")
    with environment(store) as env:
        lazy = (
            env.parallelize(["a", "c"]).filter(known(words), depends_on=words).lazy_persist("known")
        )
        assert str(env.plan(lazy)) == "known: miss: file words.txt: changed"
        assert lazy.collect() == ["a", "c"]


def test_a_glob_counts_the_files_that_there_are(store, words):
    def total(x):
        return x + len(list(words.parent.glob("*.txt")))

    def hit():
        with environment(store) as env:
            pattern = words.parent / "*.txt"
            return env.range(2).map(total, depends_on=pattern).persist("total").hit

    assert [hit(), hit()] == [False, True]
    (words.parent / "more.txt").write_text("x")
    assert [hit(), hit()] == [False, True]


@pytest.mark.parametrize(
    "operation", ["flat_map", "compute", "map_to_tuple", "reduce", "create_source"]
)
def test_every_operation_of_a_users_function_takes_it(store, words, operation):
    def persisted(env):
        numbers = env.range(4)
        match operation:
            case "flat_map":
                return numbers.flat_map(lambda x: [x], depends_on=words)
            case "compute":
                return numbers.compute(lambda itr, ctx: sum(itr), depends_on=words)
            case "map_to_tuple":
                pairs = numbers.map_to_tuple(lambda x: (x, 1), depends_on=words)
                return pairs.keyed_reduce(lambda a, b: a + b, depends_on=words)
            case "reduce":
                return numbers.reduce(lambda a, b: a + b, depends_on=words)
            case _:
                return env.create_source(lambda: [1], 2, depends_on=words)

    def hit():
        with environment(store) as env:
            return persisted(env).persist("it").hit

    assert [hit(), hit()] == [False, True]
    words.write_text("other words")
    assert [hit(), hit()] == [False, True]


def test_a_file_that_changes_while_it_is_read_commits_nothing(store, words):
    def meddling(x):
        words.write_text(words.read_text() + " more")
        return x

    changed = pytest.raises(SourceChangedError, match=r"file words\.txt.*run again")
    with environment(store) as env, changed:
        env.range(4).map(meddling, depends_on=words).persist("it")
    with environment(store) as env:
        assert env.range(4).map(abs, depends_on=words).persist("it").hit is False


def test_files_that_are_not_there_are_an_error_before_anything_is_computed(store, tmp_path):
    with environment(store) as env:
        with pytest.raises(FileNotFoundError, match="missing"):
            env.range(2).map(abs, depends_on=tmp_path / "missing.txt")
        with pytest.raises(ConfigurationError, match="depends_on"):
            env.range(2).map(abs, depends_on=[5])


def test_a_link_counts_by_the_file_that_it_leads_to(store, tmp_path):
    real, link = tmp_path / "real.data", tmp_path / "link.txt"
    real.write_text("1")
    link.symlink_to(real)

    def persisted(env, pattern):
        return env.range(1).map(lambda x: link.read_text(), depends_on=pattern).persist("linked")

    for pattern in (link, tmp_path / "*.txt"):
        for content in ("1", "2"):
            real.write_text(content)
            with environment(store) as env:
                assert persisted(env, pattern).collect() == [content]
    with environment(store) as env:
        assert env.read_text(tmp_path / "*.txt", 1).collect() == ["2"]


def test_files_of_an_object_store_are_looked_at_anew_each_time(store, s3_endpoint, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_endpoint)
    client.create_bucket(Bucket="words-of-others")

    def read(x):
        return client_text()

    def client_text():
        import boto3

        body = boto3.client("s3").get_object(Bucket="words-of-others", Key="w/a.txt")["Body"]
        return body.read().decode()

    with environment(store) as env:
        for content in ("one", "two two"):
            client.put_object(Bucket="words-of-others", Key="w/a.txt", Body=content.encode())
            pattern = "s3://words-of-others/w/*.txt"
            assert env.range(1).map(read, depends_on=pattern).persist("it").collect() == [content]
            assert env.read_text(pattern, 1).persist("lines").collect() == [content]
