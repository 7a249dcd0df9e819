"""Text of others, such as names of functions, made fit for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Write control characters, which a terminal obeys, as Python does."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
