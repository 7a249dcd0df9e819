"""What is shown of a URL: where something lies, and nothing of what gives access to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

# What follows these is a path, of this machine or in what the next link of a chain is.
_PATHS = frozenset(("file", "local", "zip", "tar", "libarchive", "dir", "reference"))
# Azure writes a container where others write a user.
_CONTAINERS = frozenset(("abfs", "abfss", "wasb", "wasbs"))
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>\\]+")
# But for those in an address such as [fe80::1].
_LINKS = re.compile(r"::(?![0-9A-Fa-f:.]*\])")
_LEFT_OUT = "…"
_SECRET_OPTION = re.compile(
    r"(?:-{0,2}[\w.-]*?)(?:password|passwd|passphrase|secret|token|credentials?|(?:api|access|secret|private)[-_]?key|signature)",
    re.IGNORECASE,
)
# As in ?sig=…; what has no name may be a wildcard.
_QUERY = re.compile(r"://[^\s?]*\?[\w.~-]+=")


def shown_url(url: str) -> str:
    """Return what may be shown of a URL, of each link where it is a chain of them: no user, password or query.

    A password may hold any of the characters that end a host (``user:a/b@host``). Where what stands there could
    be read as a secret in one way or the other, it is left out. A path stays as it is.
    """
    if "://" not in url:
        return url
    links = _LINKS.split(url)
    shown: list[str] = []
    for link in links:
        scheme, mark, rest = link.partition("://")
        if mark and scheme.lower() not in _PATHS and len(shown) < len(links) - 1:
            # No link follows a host: what seems to be one is the rest of a password.
            return "::".join([*shown, f"{scheme}://{_LEFT_OUT}"])
        shown.append(_shown_link(scheme, rest) if mark else link)
    return "::".join(shown)


def redacted(text: str, url: str = "", options: object = None) -> str:
    """Take secrets out of a text of others, such as what a file system says of a failure.

    What is secret in any URL in it is left out, and what is secret in the `url` that was asked for, or a text in the
    `options` of its file system, wherever it stands.
    """
    shown = shown_url(url)
    if url and url != shown:
        text = text.replace(url, shown)
    text = _URL.sub(lambda found: shown_url(found[0]), text)
    secrets = {
        part for each in _secrets(url) for part in (each, quote(each, safe=""), unquote(each))
    }
    secrets.update(each for each in _texts(options) if len(each) >= 4)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, "***")
        elif len(secret) > 1:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", text)
    return text


def redacted_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Take secrets out of a script's arguments: of URLs, and the values of options whose names say so."""
    shown: list[str] = []
    for argument in arguments:
        name, given, value = argument.partition("=")
        before = shown[-1] if shown else ""
        if given and _SECRET_OPTION.fullmatch(name):
            shown.append(f"{name}=***" if value else argument)
        elif before.startswith("-") and _SECRET_OPTION.fullmatch(before) and argument[:1] != "-":
            shown.append("***")
        elif _QUERY.search(argument) or redacted(head := argument.partition("?")[0]) != head:
            shown.append(redacted(argument))
        else:
            shown.append(argument)
    return tuple(shown)


def _shown_link(scheme: str, rest: str) -> str:
    if scheme.lower() in _PATHS:
        return f"{scheme}://{rest}"
    authority, tail = _split(rest)
    before, _, after = rest.rpartition("@")
    host = authority.rpartition("@")[2]
    is_host = re.fullmatch(r"[^:]*(:\d*)?|\[.*\](:\d*)?", host) is not None
    if "@" in tail and ":" in before:
        # A password with the end of a host in it, or a path with an @.
        if is_host or "?" in before or "#" in before:
            return f"{scheme}://{_LEFT_OUT}"
        authority, tail = _split(after)
    elif not is_host:
        return f"{scheme}://{_LEFT_OUT}"
    elif not (scheme.lower() in _CONTAINERS and re.fullmatch(r"[\w$-]+@[^@:]+", authority)):
        authority = host
    if scheme.lower() in ("http", "https"):
        tail = tail.partition("#")[0]
    path, query, _ = tail.partition("?")
    return f"{scheme}://{authority}{path}" + (f"?{_LEFT_OUT}" if query else "")


def _split(rest: str) -> tuple[str, str]:
    """Split what follows a scheme into the authority, as RFC 3986 has it, and what follows."""
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    return authority, rest[len(authority) :]


def _secrets(url: str) -> Iterator[str]:
    """Give what `shown_url` leaves out of a URL, whole and in parts."""
    if shown_url(url) == url:
        return
    for link in _LINKS.split(url):
        rest = link.partition("://")[2] or link
        for hidden in (rest.rpartition("@")[0], rest.partition("?")[2], rest.partition("#")[2]):
            yield from {hidden, *re.split(r"[:/@?&=#;]+", hidden)} - {""}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _texts(each)
