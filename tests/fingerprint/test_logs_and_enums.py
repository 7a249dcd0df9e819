"""What users add to loggers and enums can be read back, and counts."""

from __future__ import annotations

import enum
import logging

from dtset.fingerprint import fingerprint, fingerprint_tree


def test_plain_loggers_do_not_count():
    one, other = logging.getLogger("one"), logging.getLogger("other")
    other.setLevel(logging.DEBUG)
    assert fingerprint(one) == fingerprint(other)


def test_the_extra_of_an_adapter_counts():
    log = logging.getLogger("one")
    made = {fingerprint(logging.LoggerAdapter(log, {"f": f})) for f in (2, 3)}
    assert len(made) == 2


def test_attributes_and_methods_that_users_add_to_loggers_count():
    def logger(factor):
        class Own(logging.Logger):
            def times(self, x):
                return x * factor

        return Own("own")

    assert fingerprint(logger(2)) != fingerprint(logger(3))
    plain, marked = logging.Logger("a"), logging.Logger("a")
    marked.factor = 2
    assert fingerprint(plain) != fingerprint(marked)


def test_private_attributes_of_enums_count():
    def colours(factor):
        class Colour(enum.Enum):
            RED = 1
            __factor = factor

            def times(self):
                return Colour.__factor

        return Colour

    assert fingerprint(colours(2)) != fingerprint(colours(3))
    one, other = colours(2), colours(2)
    assert fingerprint(one) == fingerprint(other)
    other._weights = {1: 2}
    assert fingerprint(one) != fingerprint(other)


def test_secrets_are_not_shown(monkeypatch):
    namespace = {"DSN": "postgres://user:hunter2@host/db", "API_KEY": "hunter2", "N": 5}
    exec("def f(x): return DSN, API_KEY, N", namespace)

    def shown(tree):
        yield tree.shown
        for child in tree.children:
            yield from shown(child)

    values = set(shown(fingerprint_tree(namespace["f"], "f")))
    assert "5" in values
    assert not any("hunter2" in value for value in values if value)
