"""The few shapes that the audit's page is made of, as HTML. Whatever comes from the data is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MUTED, ORANGE

STYLE = f"""
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 1120px; padding: 40px 28px 80px; background: #fff; color: {INK};
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }}
h1 {{ font-size: 28px; line-height: 1.2; margin: 0 0 6px; }}
h2 {{ font-size: 20px; margin: 0 0 4px; }}
h2 .count {{ color: {ORANGE}; }}
h2 .none {{ color: {MUTED}; font-weight: normal; }}
h3 {{ font-size: 14px; margin: 22px 0 8px; }}
p {{ margin: 4px 0 12px; max-width: 78ch; }}
p.rest {{ margin-top: 12px; }}
.muted {{ color: {MUTED}; }}
section {{ border-top: 1px solid {FAINT}; margin-top: 36px; padding-top: 26px; }}
code, pre {{ font: 13px/1.5 ui-monospace, "SF Mono", "Liberation Mono", Menlo, monospace; }}
pre {{ background: #f6f8fa; border-radius: 6px; padding: 12px 14px; white-space: pre-wrap; overflow-wrap: anywhere; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 10px; margin: 22px 0 8px; }}
.tile {{ border: 1px solid {FAINT}; border-radius: 8px; padding: 10px 12px; color: inherit; text-decoration: none; }}
a.tile:hover {{ border-color: {BLUE}; }}
.tile b {{ display: block; font-size: 24px; line-height: 1.2; font-variant-numeric: tabular-nums; }}
.tile span {{ color: {MUTED}; font-size: 13px; }}
.tile.clean b {{ color: {MUTED}; font-weight: normal; }}
.bars {{ display: grid; grid-template-columns: max-content 1fr max-content; gap: 5px 12px; align-items: center; }}
.bars .track {{ background: #f6f8fa; height: 14px; display: flex; }}
.bars .track i {{ display: block; height: 100%; background: {BLUE}; }}
.bars .track i.bad {{ background: {ORANGE}; }}
.bars .number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.columns {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 6px 48px; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(156px, 1fr)); gap: 18px 14px; }}
.card img {{ display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #f6f8fa;
  border: 1px solid {FAINT}; border-radius: 4px; }}
.card b {{ display: block; font-size: 13px; margin-top: 5px; line-height: 1.35; overflow-wrap: anywhere; }}
.card b.bad {{ color: {ORANGE}; }}
.card span {{ display: block; color: {MUTED}; font-size: 12px; line-height: 1.35; }}
.card small {{ display: block; color: {MUTED}; font-size: 10.5px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }}
.groups {{ display: flex; flex-wrap: wrap; gap: 14px; }}
.group {{ border: 1px solid {FAINT}; border-radius: 8px; padding: 10px; display: flex; gap: 10px; }}
.group .card {{ width: 132px; }}
table {{ border-collapse: collapse; font-size: 13px; }}
td {{ padding: 3px 16px 3px 0; vertical-align: top; overflow-wrap: anywhere; }}
@media print {{ body {{ max-width: none; padding: 0; }} section {{ break-inside: avoid-page; }} }}
"""


@dataclass(frozen=True)
class Card:
    """A photo with what is said of it. `image` is an address that a page may show, `bad` colours the first line."""

    image: str
    first: str
    second: str
    path: str
    bad: bool = False


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page that needs nothing but itself."""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(name: str, title: str, count: int | None, advice: str, parts: Iterable[str]) -> str:
    """A part of the page: its heading, how many photos it is about (None: it counts none), and what to do with it."""
    number = "" if count is None else f' <span class="{"count" if count else "none"}">{count:,}</span>'
    body = "\n".join(parts)
    heading = f'<h2>{escape(title)}{number}</h2>\n<p class="muted">{escape(advice)}</p>'
    return f'<section id="{name}">\n{heading}\n{body}\n</section>'


def tiles(numbers: Mapping[str, tuple[int, str]]) -> str:
    """The page in numbers: by what is counted, how many, and the name of the section that a click leads to."""
    made = [
        f'<a class="tile{"" if number else " clean"}" href="#{name}"><b>{number:,}</b><span>{escape(what)}</span></a>'
        for what, (number, name) in numbers.items()
    ]
    return f'<div class="tiles">{"".join(made)}</div>'


def bars(rows: Sequence[tuple[str, int, int]]) -> str:
    """A bar for each (name, good, bad); what is bad follows in another colour."""
    longest = max((good + bad for _, good, bad in rows), default=0) or 1
    cells = []
    for name, good, bad in rows:
        number = f"{good:,}" + (f" + {bad:,} broken" if bad else "")
        parts = f'<i style="width:{good / longest:.2%}"></i>' + (
            f'<i class="bad" style="width:{bad / longest:.2%}"></i>' if bad else ""
        )
        cells.append(f'<div>{escape(name)}</div><div class="track">{parts}</div><div class="number">{number}</div>')
    return f'<div class="bars">{"".join(cells)}</div>'


def cards(shown: Iterable[Card]) -> str:
    """Photos in a grid."""
    return f'<div class="cards">{"".join(map(_card, shown))}</div>'


def groups(shown: Iterable[Iterable[Card]]) -> str:
    """Photos that belong together, framed."""
    framed = (f'<div class="group">{"".join(map(_card, group))}</div>' for group in shown)
    return f'<div class="groups">{"".join(framed)}</div>'


def table(rows: Iterable[Sequence[str]]) -> str:
    """Plain text in columns."""
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def more(shown: int, of: int, file: str, what: str = "more") -> str:
    """Where the rest is."""
    if of <= shown:
        return ""
    return f'<p class="muted rest">{of - shown:,} {what} in <code>{escape(file)}</code>.</p>'


def _card(card: Card) -> str:
    path = escape(card.path, quote=True)
    emphasis = ' class="bad"' if card.bad else ""
    return (
        f'<div class="card"><img src="{escape(card.image, quote=True)}" alt="" loading="lazy" title="{path}">'
        f"<b{emphasis}>{escape(card.first)}</b><span>{escape(card.second)}</span>"
        f'<small title="{path}">{path}</small></div>'
    )
