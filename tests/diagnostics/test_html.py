from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dtset import TSetEnvironment
from dtset.diagnostics.html import environment_html

_NASTY = "<script>alert('x')</script> & \"b\""


class _Parsed(HTMLParser):
    """Tags that are open, all that were met, and text outside of styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def _parsed(html: str) -> _Parsed:
    parsed = _Parsed(html)
    assert "script" not in parsed.tags
    assert not any(name.startswith("on") for name in parsed.attributes)
    assert "http" not in html.replace("http://127.0.0.1:8787", "")
    return parsed


@pytest.fixture
def env(tmp_path: Path) -> Iterator[TSetEnvironment]:
    with TSetEnvironment(_NASTY, job_id="job", store=tmp_path, cluster="synchronous") as env:
        yield env


def test_an_environment_shows_its_banner(env: TSetEnvironment) -> None:
    text = _parsed(env._repr_html_()).text
    assert text.startswith(f"TSetEnvironment{_NASTY}")
    assert "Job IDjob" in text
    assert env.store in text


def test_the_dashboard_is_a_link() -> None:
    address = "http://127.0.0.1:8787/status"
    html = environment_html({"Job name": "x", "Dashboard": address})
    assert f'href="{address}"' in html
    assert "a" in _parsed(html).tags
    assert "<a" not in environment_html({"Dashboard": "javascript:alert(1)"})


def test_a_tset_shows_its_operators_and_functions(env: TSetEnvironment) -> None:
    def clean(i: int) -> int:
        return i

    tset = env.range(6, parallelism=3).direct().map(clean).filter(lambda i: i > 2)
    parsed = _parsed(tset.set_name(_NASTY)._repr_html_())
    assert parsed.text == f"TSet{_NASTY}3 partitionsrangemap cleanfilter <lambda>"


def test_a_persisted_tset_shows_what_is_stored(env: TSetEnvironment) -> None:
    persisted = env.range(1000, parallelism=1).map(abs).persist(_NASTY)
    text = _parsed(persisted._repr_html_()).text
    assert text.startswith(f"PersistedTSet{_NASTY}1 partitioncomputed by this run")
    assert "map abs" in text
    assert "1,000 rows" in text
    assert persisted.digest in text
    assert persisted.url.endswith(text.partition("path")[2])
    again = env.range(1000, parallelism=1).map(abs).persist(_NASTY)
    assert "found in the store" in _parsed(again._repr_html_()).text
    below = _parsed(persisted.map(str)._repr_html_()).text
    assert below == f"TSetmap1 partitionpersist {_NASTY}map str"


def test_showing_a_lazy_persist_computes_nothing(env: TSetEnvironment) -> None:
    calls: list[int] = []
    lazy = env.range(3).map(calls.append).lazy_persist("later")
    assert "not computed yet" in _parsed(lazy._repr_html_()).text
    assert calls == []
