"""Neutral rewrites of a statement's text: its syntax tree stays what it is."""

from __future__ import annotations

import ast
import io
import random
import tokenize
from collections.abc import Callable


class NotApplicableError(Exception):
    """The statement has nothing that this rewrite changes."""


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def _checked(before: str, after: str) -> str:
    if ast.dump(ast.parse(before)) != ast.dump(ast.parse(after)):
        raise AssertionError(f"a rewrite of the text changed its syntax tree:\n{after}")
    if before == after:
        raise NotApplicableError
    return after


def reformatted(text: str, rng: random.Random) -> str:
    """Written by `ast.unparse`: other quotes, parentheses, line breaks; no comments."""
    return ast.unparse(ast.parse(text)) + "\n"


def commented(text: str, rng: random.Random) -> str:
    """Comments and blank lines wherever a line may end."""
    ends = {
        token.start[0]
        for token in _tokens(text)
        if token.type in (tokenize.NEWLINE, tokenize.NL) and token.string
    }
    lines = text.splitlines()
    made = []
    for number, line in enumerate(lines, 1):
        made.append(f"{line}  # {number}" if number in ends else line)
        if number in ends and rng.random() < 0.7:
            made += ["", "# a line of its own", ""]
    return _checked(text, "\n".join(["# above", *made]) + "\n")


def exploded(text: str, rng: random.Random) -> str:
    """One token a line wherever brackets are open, and more brackets."""
    parts: list[str] = []
    depth, indent, fresh = 0, "", True
    for token in _tokens(_bracketed(reformatted(text, rng))):
        if token.type == tokenize.INDENT:
            indent = token.string
        elif token.type == tokenize.DEDENT:
            indent = indent[:-4]
        elif token.type == tokenize.NEWLINE:
            parts.append("\n")
            fresh = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            if token.string in ")]}" and token.type == tokenize.OP:
                depth -= 1
            parts.append(indent if fresh else "\n" * rng.randint(1, 2) if depth > 0 else " ")
            parts.append(token.string)
            fresh = False
            if token.string in "([{" and token.type == tokenize.OP:
                depth += 1
    return _checked(text, "".join(parts))


def _bracketed(text: str) -> str:
    lines = []
    inside_text = {
        row
        for token in _tokens(text)
        if token.type == tokenize.STRING
        for row in range(token.start[0], token.end[0] + (token.start[0] != token.end[0]))
    }
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip()
        space = line[: len(line) - len(bare)]
        word, _, rest = bare.partition(" ")
        if number not in inside_text and rest:
            if word == "return":
                line = f"{space}return ({rest})"
            elif word in ("if", "while", "elif") and rest.endswith(":"):
                line = f"{space}{word} ({rest[:-1]}):"
        lines.append(line)
    after = "\n".join(lines) + "\n"
    try:
        return _checked(text, after)
    except (AssertionError, SyntaxError, NotApplicableError):
        return text


def requoted(text: str, rng: random.Random) -> str:
    """Strings with other quotes, escapes or in two pieces."""

    def quoted(token: tokenize.TokenInfo) -> str:
        prefix = token.string[: token.string.index(token.string[-1])].lower()
        if token.type != tokenize.STRING or "f" in prefix:
            return token.string
        value = ast.literal_eval(token.string)
        if isinstance(value, bytes):
            return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
        if prefix == "u":
            return token.string
        cut = rng.randint(0, len(value))
        first = "".join(f"\\U{ord(char):08x}" for char in value[:cut])
        return f'"{first}" {value[cut:]!r}'

    return _checked(text, _spliced(text, tokenize.STRING, quoted))


def renumbered(text: str, rng: random.Random) -> str:
    """Numbers in another notation."""

    def written(token: tokenize.TokenInfo) -> str:
        value = ast.literal_eval(token.string)
        if isinstance(value, int):
            return rng.choice([hex(value), oct(value), bin(value), f"{value:_}"])
        if isinstance(value, float) and value < 1e6:
            return f"{token.string}e0" if "e" not in token.string.lower() else token.string
        return token.string

    return _checked(text, _spliced(text, tokenize.NUMBER, written))


def _spliced(text: str, kind: int, written: Callable[[tokenize.TokenInfo], str]) -> str:
    lines = text.splitlines(keepends=True)
    for token in reversed(_tokens(text)):
        if token.type == kind:
            (row, start), (last, end) = token.start, token.end
            before, after = lines[row - 1][:start], lines[last - 1][end:]
            piece = written(token)
            if before and (before[-1].isalnum() or before[-1] == "_"):
                piece = " " + piece
            if after and (after[0].isalnum() or after[0] == "_"):
                piece += " "
            lines[row - 1 : last] = (before + piece + after).splitlines(keepends=True)
    return "".join(lines)


TextRewrite = Callable[[str, random.Random], str]
TEXT: dict[str, TextRewrite] = {
    "formatted by ast.unparse": reformatted,
    "comments and blank lines": commented,
    "one token a line": exploded,
    "quotes": requoted,
    "numbers": renumbered,
}
