"""How notebooks show environments and TSets: HTML of its own style, light and dark, without scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from dtset.diagnostics.amounts import bytes_text, seconds_text
from dtset.plan.nodes import Node, Stored, operators

if TYPE_CHECKING:
    from dtset.execution.at_hand import Persisted

# Colours follow the page's own text colour, so that every theme of every notebook is served; only the
# accents differ. Classes are dtset's own and styles stay below `.dtset`, as all outputs share a page.
_STYLE = """
.dtset{--accent:#0b6e75;--good:#1a7f37;--work:#9a5b00;--line:color-mix(in srgb,currentColor 18%,transparent);
--fill:color-mix(in srgb,currentColor 5%,transparent);--mute:color-mix(in srgb,currentColor 62%,transparent);
font:13px/1.45 system-ui,sans-serif;border:1px solid var(--line);border-left:3px solid var(--accent);
border-radius:6px;padding:10px 14px;margin:4px 0;max-width:860px;box-sizing:border-box}
.dtset *{box-sizing:border-box}
.dtset-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 10px}
.dtset-kind{color:var(--accent);font-weight:650}
.dtset-name{font-weight:600;overflow-wrap:anywhere}
.dtset-mute{color:var(--mute)}
.dtset-mark{border:1px solid;border-radius:99px;padding:0 8px;font-size:12px;font-weight:600}
.dtset-hit{color:var(--good)}.dtset-miss{color:var(--work)}
.dtset-chain{display:flex;flex-wrap:wrap;align-items:center;gap:5px;margin:9px 0 0;padding:0;list-style:none}
.dtset-chain li{margin:0;padding:1px 8px;border:1px solid var(--line);border-radius:5px;background:var(--fill)}
.dtset-chain li+li{position:relative;margin-left:15px}
.dtset-chain li+li::before{content:"\\2192";position:absolute;left:-17px;color:var(--mute)}
.dtset-chain .dtset-stored{border-color:var(--accent)}
.dtset code{font:12px/1.4 ui-monospace,monospace;background:none;color:inherit;padding:0;overflow-wrap:anywhere}
.dtset-facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:9px 0 0}
.dtset-facts dt{color:var(--mute);font-weight:400;margin:0}.dtset-facts dd{margin:0;overflow-wrap:anywhere}
.dtset a{color:var(--accent)}
@media (prefers-color-scheme:dark){.dtset{--accent:#4fc3c9;--good:#4cc266;--work:#e0a94a}}
[data-jp-theme-light=true] .dtset,body.vscode-light .dtset,html[data-theme=light] .dtset
{--accent:#0b6e75;--good:#1a7f37;--work:#9a5b00}
[data-jp-theme-light=false] .dtset,body.vscode-dark .dtset,html[data-theme=dark] .dtset
{--accent:#4fc3c9;--good:#4cc266;--work:#e0a94a}
""".replace("\n", "")


def environment_html(described: Mapping[str, str]) -> str:
    """Show an environment, with links for values that are http addresses."""
    facts = dict(described)
    name = facts.pop("Job name", "")
    code = {"Job ID", "Store"}
    values = {key: _link(value) or _text(value, key in code) for key, value in facts.items()}
    return _card(_head("TSetEnvironment", name), _facts(values))


def tset_html(kind: str, node: Node, persisted: Persisted | None) -> str:
    """Show a TSet: its operators, and what is stored of it."""
    if persisted is None:
        name = node.name or node.operator.name
        waits = (
            [_mark("not computed yet", "dtset-mute")]
            if isinstance(node, Stored) and node.durable
            else []
        )
        head = _head(kind, name, _partitions(node.parallelism), *waits)
        return _card(head, _chain(operators(node)))
    manifest = persisted.manifest
    rows = f"{manifest.rows:,} row{'' if manifest.rows == 1 else 's'}"
    facts = {
        "size": _text(f"{rows}, {bytes_text(manifest.nbytes)}"),
        "computed in": _text(seconds_text(manifest.seconds)),
        "digest": _text(manifest.digest, code=True),
        "path": _text(manifest.group, code=True),
    }
    return _card(
        _head(kind, manifest.name, _partitions(manifest.partitions), _hit(persisted)),
        _chain(manifest.operators),
        _facts(facts),
    )


def _card(*parts: str) -> str:
    return f'<div class="dtset"><style>{_STYLE}</style>{"".join(parts)}</div>'


def _head(kind: str, name: str, *more: str) -> str:
    parts = [_span(kind, "dtset-kind"), _span(name, "dtset-name"), *more]
    return f'<div class="dtset-head">{"".join(parts)}</div>'


def _partitions(number: int) -> str:
    return _span(f"{number} partition{'' if number == 1 else 's'}", "dtset-mute")


def _hit(persisted: Persisted) -> str:
    if persisted.hit is True:
        return _mark("found in the store", "dtset-hit")
    if persisted.hit:
        part = f"{persisted.hit} of {persisted.manifest.partitions} partitions found"
        return _mark(part, "dtset-miss")
    return _mark("computed by this run", "dtset-miss")


def _chain(labels: Iterable[str]) -> str:
    items = []
    for label in labels:
        operator, _, function = label.partition(" ")
        stored = ' class="dtset-stored"' if operator in ("persist", "cache") else ""
        what = f" <code>{escape(function)}</code>" if function else ""
        items.append(f"<li{stored}>{escape(operator)}{what}</li>")
    return f'<ol class="dtset-chain">{"".join(items)}</ol>'


def _facts(values: Mapping[str, str]) -> str:
    rows = (f"<dt>{escape(key)}</dt><dd>{value}</dd>" for key, value in values.items())
    return f'<dl class="dtset-facts">{"".join(rows)}</dl>'


def _link(value: str) -> str | None:
    if not value.startswith(("http://", "https://")):
        return None
    return f'<a href="{escape(value)}" target="_blank" rel="noopener">{escape(value)}</a>'


def _text(value: str, code: bool = False) -> str:
    return f"<code>{escape(value)}</code>" if code else escape(value)


def _mark(text: str, style: str) -> str:
    return _span(text, f"dtset-mark {style}")


def _span(text: str, style: str) -> str:
    return f'<span class="{style}">{escape(text)}</span>'
