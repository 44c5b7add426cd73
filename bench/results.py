"""The results as a table, as JSON, and as a picture."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from typing import Final

from bench.figures import Figure

_HEADINGS: Final = ("figure", "ours", "RIE", "ours / RIE", "low to high", "C floor")
_WIDTHS: Final = (50, 10, 10, 10, 13, 10)


def heading() -> str:
    """The first two lines of the table."""
    return f"{_row(_HEADINGS)}\n{_row(['-' * width for width in _WIDTHS])}"


def row(figure: Figure) -> str:
    """The line of one figure."""
    spread = "" if figure.low is None or figure.high is None else f"{figure.low:.2f} to {figure.high:.2f}"
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    return _row((figure.figure, _number(figure.ours), _number(figure.rie), ratio, spread, _number(figure.floor)))


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    aligned = [f"{cell:>{width}}" for cell, width in zip(others, _WIDTHS[1:], strict=True)]
    return f"| {first:<{_WIDTHS[0]}} | {' | '.join(aligned)} |"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def as_json(figures: Sequence[Figure]) -> str:
    """A list with one object for each figure."""
    rows = [{key: value for key, value in asdict(figure).items() if key != "floor"} for figure in figures]
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


_BAR: Final = 22
_LEFT: Final = 330
_SCALE: Final = 300
"""Pixels of the ratio 1."""
_DRAWN: Final = ("p50", "cold start")
"""How long somebody waits."""


def as_svg(figures: Sequence[Figure]) -> str:
    """A bar for the ratio to RIE of everything that somebody waits for, its spread as a line, and where RIE is."""
    waits = [figure for figure in figures if any(word in figure.figure for word in _DRAWN)]
    shown = [figure for figure in waits if figure.ratio is not None]
    height = _BAR * (len(shown) + 2)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _SCALE + 150}" height="{height}" '
            'font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            *(line for number, figure in enumerate(shown) for line in _bar(figure, _BAR * (number + 1))),
            f'<line x1="{_LEFT + _SCALE}" x2="{_LEFT + _SCALE}" y1="{_BAR - 6}" y2="{height - 4}" stroke="#b00"/>',
            f'<text x="{_LEFT + _SCALE}" y="12" text-anchor="middle" fill="#b00">aws-lambda-rie = 1</text>',
            "</svg>\n",
        ]
    )


def _bar(figure: Figure, top: int) -> Iterator[str]:
    ratios = [ratio for ratio in (figure.ratio, figure.low, figure.high) if ratio is not None]
    middle = top + _BAR // 2 - 3
    width, low, high = (round(_SCALE * min(ratio, 1.4)) for ratio in ratios)
    yield f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(figure.figure)}</text>'
    yield f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{_BAR - 6}" fill="#48c"/>'
    yield f'<line x1="{_LEFT + low}" x2="{_LEFT + high}" y1="{middle}" y2="{middle}" stroke="#135"/>'
    yield f'<text x="{_LEFT + max(width, high) + 6}" y="{middle + 4}">{ratios[0]:.2f}</text>'
