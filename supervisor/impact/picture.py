"""Owns the picture of impacts: an SVG with one row an extension and one panel a measure, on a light or dark ground."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from supervisor.impact.comparison import Impact, Spread
from supervisor.impact.presentation import COLUMNS, Column, Experiment

_SHOWN: Final = tuple(column for column in COLUMNS if column.field in ("init_ms", "duration_ms", "memory_mb"))

_NAMES_WIDTH: Final = 190
_PANEL_WIDTH: Final = 250
_BAR_WIDTH: Final = 150
_TOP: Final = 76
_ROW_HEIGHT: Final = 34
_BOTTOM: Final = 24

_STYLE: Final = """\
text { font: 13px system-ui, sans-serif; fill: #1f2933 } .title { font-size: 16px; font-weight: 600 }
.quiet { fill: #66707c } .bar { fill: #2f6fdd } .less { fill: #2a9d64 } .spread { stroke: #10233f; stroke-width: 1.5 }
.axis { stroke: #c5ccd4 } .ground { fill: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #e6e9ed } .quiet { fill: #9aa5b1 } .bar { fill: #6ea8ff }
.less { fill: #5fd39a } .spread { stroke: #f2f5f9 } .axis { stroke: #48525e } .ground { fill: #14181d } }"""


def picture(impacts: Sequence[Impact], experiment: Experiment) -> str:
    """The SVG document."""
    width = _NAMES_WIDTH + _PANEL_WIDTH * len(_SHOWN)
    height = _TOP + _ROW_HEIGHT * len(impacts) + _BOTTOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            ' role="img" aria-label="What each extension adds">',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{width}" height="{height}"/>',
            '<text class="title" x="16" y="26">What each extension adds</text>',
            f'<text class="quiet" x="16" y="46">{escape(str(experiment))}</text>',
            *_names(impacts),
            *(line for index, column in enumerate(_SHOWN) for line in _panel(index, column, impacts)),
            "</svg>\n",
        ]
    )


def _names(impacts: Sequence[Impact]) -> Iterator[str]:
    for row, impact in enumerate(impacts):
        yield f'<text x="16" y="{_middle(row) + 5}">{escape(impact.extension)}</text>'


def _panel(index: int, column: Column, impacts: Sequence[Impact]) -> Iterator[str]:
    left = _NAMES_WIDTH + _PANEL_WIDTH * index
    spreads = [getattr(impact, column.field) for impact in impacts]
    known: list[Spread] = [spread for spread in spreads if spread is not None]
    lowest = min([0.0, *(spread.low for spread in known)])
    highest = max([0.0, *(spread.high for spread in known)])
    scale = _BAR_WIDTH / ((highest - lowest) or 1.0)
    zero = left - lowest * scale
    yield f'<text class="quiet" x="{left}" y="{_TOP - 8}">{column.heading}</text>'
    yield f'<path class="axis" d="M{zero:.1f} {_TOP}V{_TOP + _ROW_HEIGHT * len(impacts)}"/>'
    for row, (impact, spread) in enumerate(zip(impacts, spreads, strict=True)):
        if spread is not None:
            yield from _bar(_middle(row), zero, scale, spread)
        figure = column.cell(impact).partition(" (")[0]
        yield f'<text x="{left + _BAR_WIDTH + 12}" y="{_middle(row) + 5}">{figure}</text>'


def _bar(middle: int, zero: float, scale: float, spread: Spread) -> Iterator[str]:
    length = abs(spread.median) * scale
    left = zero + min(0.0, spread.median * scale)
    kind = "bar" if spread.median >= 0 else "less"
    yield f'<rect class="{kind}" x="{left:.1f}" y="{middle - 9}" width="{length:.1f}" height="18" rx="3"/>'
    yield f'<path class="spread" d="M{zero + spread.low * scale:.1f} {middle}H{zero + spread.high * scale:.1f}"/>'


def _middle(row: int) -> int:
    return _TOP + _ROW_HEIGHT * row + _ROW_HEIGHT // 2
