"""A page of HTML in one piece: every text is escaped, nothing is loaded, no script runs."""

from html import escape
from numbers import Integral

import numpy as np

# Longer names are cut, and tables end after so many rows: a page is read, not searched.
LONGEST, MOST_ROWS = 80, 100

STYLE = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #ffffff; --ink: #1c2430; --soft: #5b6675;
  --rule: #e3e6ea; --gone: #cfd4da; --line: #1f6fb2; --warn: #8a5a00; --warn-card: #fff6e0; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --card: #1d232b; --ink: #e6e9ee;
  --soft: #9aa6b5; --rule: #343c47; --gone: #4a5461; --line: #6db3f2; --warn: #f0c878;
  --warn-card: #2e2818; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 0.25rem; }
h2 { font-size: 1.15rem; margin: 0 0 0.6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
p { margin: 0.4rem 0; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 0.6rem;
  padding: 1rem 1.2rem; margin: 1rem 0; }
.soft, figcaption { color: var(--soft); font-size: 0.88rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.8rem;
  margin: 1rem 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 0.6rem;
  padding: 0.7rem 1rem; }
.tile b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: 0.6rem 0; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
tbody th { color: var(--ink); }
.text { text-align: left; white-space: normal; overflow-wrap: normal; min-width: 7rem;
  max-width: 22rem; }
figure { margin: 0.8rem 0 0; }
svg { width: 100%; height: auto; max-width: 40rem; display: block; color: var(--ink); }
pre { overflow-x: auto; background: var(--page); padding: 0.8rem; border-radius: 0.4rem;
  font-size: 0.82rem; white-space: pre-wrap; }
ul { margin: 0.4rem 0; padding-left: 1.2rem; }
.names { columns: 14rem; }
.caveats { background: var(--warn-card); border-color: var(--warn); }
@media (max-width: 40rem) { main { padding: 0.8rem 0.5rem 2rem; } section { padding: 0.8rem; }
  th, td { padding: 0.25rem 0.35rem; } table { font-size: 0.8rem; } .text { min-width: 5rem; } }
@media print { :root { color-scheme: light; --page: #ffffff; --card: #ffffff; --ink: #000000;
  --soft: #444444; --rule: #cccccc; --gone: #cccccc; --line: #1f6fb2; --warn: #8a5a00;
  --warn-card: #ffffff; }
  main { max-width: none; padding: 0; } section, .tile, figure, tr { break-inside: avoid; }
  .scroll { overflow-x: visible; } table { font-size: 0.68rem; } th, td { padding: 0.2rem 0.3rem;
  white-space: normal; } }
"""
# Nothing may be loaded and no script may run, whatever is in the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(title, blocks):
    """Return a whole page; `blocks` are pieces of HTML."""
    name = text(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{name}</h1>\n"
        + "\n".join(filter(None, blocks))
        + "\n</main>\n</body>\n</html>\n"
    )


def text(value):
    """Return a value as escaped text, which is cut if it is long."""
    words = str(value)
    return escape(words if len(words) <= LONGEST else words[: LONGEST - 1] + "…")


def section(title, *blocks, kind=""):
    """Return a section with a heading; nothing if it is empty."""
    found = list(filter(None, blocks))
    mark = f' class="{kind}"' if kind else ""
    inside = "\n".join([f"<h2>{text(title)}</h2>", *found])
    return f"<section{mark}>\n{inside}\n</section>" if found else ""


def heading(title):
    """Return a heading inside a section."""
    return f"<h3>{text(title)}</h3>"


def paragraph(words, kind=""):
    """Return a paragraph of any length."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{escape(words)}</p>" if words else ""


def code(words):
    """Return a block of code."""
    return f"<pre>{escape(words)}</pre>"


def bullets(items, kind="", most=None):
    """Return a list of texts; of many the first `most`, and how many more there are."""
    items = list(items)
    shown = items[:most]
    lines = [f"<li>{text(item) if most else escape(item)}</li>" for item in shown]
    if len(shown) < len(items):
        lines.append(f"<li>and {len(items) - len(shown):,} more</li>")
    mark = f' class="{kind}"' if kind else ""
    return f"<ul{mark}>{''.join(lines)}</ul>" if lines else ""


def tiles(pairs):
    """Return key figures, from pairs of a label and a value."""
    inside = "".join(
        f'<div class="tile"><span class="soft">{text(label)}</span><b>{text(value)}</b></div>'
        for label, value in pairs
    )
    return f'<div class="tiles">{inside}</div>' if inside else ""


def figure(picture, caption):
    """Return a picture, which is HTML already, and its caption."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{picture}{below}</figure>"


def table(frame, words=None):
    """Return a frame as a table, with its index as the first column.

    Parameters
    ----------
    frame : DataFrame
        Long ones are cut.
    words : dict of str to str, default=None
        What to write instead of the names of columns.
    """
    words = words or {}
    shown = frame.head(MOST_ROWS)
    numeric = [_is_numeric(shown.iloc[:, i]) for i in range(shown.shape[1])]
    cells = [_column(shown.iloc[:, i], numeric[i]) for i in range(shown.shape[1])]
    marks = ["" if each else ' class="text"' for each in numeric]
    names = [text(words.get(name, str(name).replace("_", " "))) for name in shown]
    head = f'<th scope="col" class="text">{text(shown.index.name or "")}</th>' + "".join(
        f'<th scope="col"{mark}>{name}</th>' for mark, name in zip(marks, names, strict=True)
    )
    body = "".join(
        f'<tr><th scope="row" class="text">{text(label)}</th>'
        + "".join(f"<td{mark}>{c[i]}</td>" for mark, c in zip(marks, cells, strict=True))
        + "</tr>"
        for i, label in enumerate(shown.index)
    )
    left = len(frame) - len(shown)
    note = f'<p class="soft">and {left:,} more rows</p>' if left else ""
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def _is_numeric(column):
    return column.dtype.kind in "iuf"


def _column(column, numeric):
    return [text(number(value)) if numeric else text(_word(value)) for value in column]


def _word(value):
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else value


def number(value):
    """Write a number with three decimals, or fewer where it is large; a dash if it is missing."""
    if not np.isfinite(value):
        return "\N{EN DASH}" if np.isnan(value) else str(value)
    if isinstance(value, Integral) or (abs(value) >= 1 and float(value).is_integer()):
        return f"{int(value):,}".replace("-", "\N{MINUS SIGN}")
    digits = max(0, 3 - int(np.log10(max(abs(value), 1.0))))
    small = 0 < abs(value) < 5e-4
    return (f"{value:.1e}" if small else f"{value:,.{digits}f}").replace("-", "\N{MINUS SIGN}")
