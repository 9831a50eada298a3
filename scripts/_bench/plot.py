"""Ratios as horizontal bars: an SVG, made with the standard library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Optional
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _LEFT, _RIGHT = 880, 290, 710
_ROW, _BAR, _HEAD, _FOOT, _TOP = 24, 13, 34, 38, 58
_MOST_TICKS = 8
# It has a background of its own: a page may be light where the reader's system is dark. The contrast of text is 4.5 at
# least, that of bars and lines 3.
_STYLE = """
.ground { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif }
.title { font-size: 16px; font-weight: 600 } .kind { font-weight: 600 } .soft { fill: #59636e }
.end { text-anchor: end } .middle { text-anchor: middle }
.ours { fill: #0969da } .other { fill: #818b98 }
.grid { stroke: #d1d9e0 } .one { stroke: #59636e; stroke-dasharray: 4 3 }
.range { stroke: #1f2328; stroke-width: 1.5 } .halo { stroke: #ffffff; stroke-width: 5 }
.target { stroke: #bc4c00; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 } text { fill: #f0f6fc } .soft { fill: #9198a1 }
.ours { fill: #4493f8 } .other { fill: #656c76 }
.grid { stroke: #3d444d } .one { stroke: #9198a1 } .range { stroke: #f0f6fc } .halo { stroke: #0d1117 }
.target { stroke: #f0883e }
}
"""


class Bar(NamedTuple):
    """A row: the median of its ratios, the least and the most of them, and how much it may be, where that is ours."""

    name: str
    median: float
    least: float
    most: float
    target: Optional[float] = None


class Panel(NamedTuple):
    """Bars that were measured together."""

    kind: str
    bars: tuple[Bar, ...]


def svg(title: str, panels: Sequence[Panel]) -> str:
    """Return the picture. What it shows is also in its text, for who cannot see it."""
    scale = _Scale(max(bar.most for panel in panels for bar in panel.bars))
    height = _TOP + sum(_HEAD + _ROW * len(panel.bars) + _FOOT for panel in panels)
    picture = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {height}", role="img")
    picture.set("aria-labelledby", "title description")
    _say(picture, "title", title, id="title")
    _say(picture, "desc", _description(panels), id="description")
    _say(picture, "style", _STYLE)
    _add(picture, "rect", "ground", width=_WIDTH, height=height)
    _write(picture, title, 16, 26, "title")
    _write(picture, "bar: median; thin line: least to most; thick mark: target", 16, 46, "soft")
    top = _TOP
    for panel in panels:
        top = _draw_panel(picture, panel, scale, top)
    ET.indent(picture)
    return ET.tostring(picture, encoding="unicode") + "\n"


class _Scale:
    """Where a ratio stands, on an axis that reaches at least to 1."""

    def __init__(self, most: float) -> None:
        most = max(most, 1.0)
        self.step = next((step for step in (0.25, 0.5, 1.0, 2.0, 5.0) if most / step <= _MOST_TICKS), most / 4)
        self.end = math.ceil(most / self.step) * self.step

    def ticks(self) -> list[float]:
        return [number * self.step for number in range(round(self.end / self.step) + 1)]

    def x(self, ratio: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * ratio / self.end, 1)


def _draw_panel(picture: ET.Element, panel: Panel, scale: _Scale, top: int) -> int:
    """Draw it from `top` down; return where it ends."""
    _write(picture, panel.kind, 16, top + 20, "kind")
    first, last = top + _HEAD, top + _HEAD + _ROW * len(panel.bars)
    for tick in scale.ticks():
        x = scale.x(tick)
        _add(picture, "line", "one" if tick == 1 else "grid", x1=x, x2=x, y1=first - 4, y2=last)
        _write(picture, f"{tick:g}", x, last + 16, "soft middle")
    for number, bar in enumerate(panel.bars):
        _draw_bar(picture, bar, scale, first + _ROW * number)
    return last + _FOOT


def _draw_bar(picture: ET.Element, bar: Bar, scale: _Scale, top: int) -> None:
    row = ET.SubElement(picture, "g")
    middle = top + _ROW / 2
    _write(row, bar.name, _LEFT - 10, middle + 4.5, "end")
    kind = "other" if bar.target is None else "ours"
    width = round(scale.x(bar.median) - _LEFT, 1)
    _add(row, "rect", kind, x=_LEFT, y=middle - _BAR / 2, width=width, height=_BAR)
    for line in ("halo", "range"):
        _add(row, "line", line, x1=scale.x(bar.least), x2=scale.x(bar.most), y1=middle, y2=middle)
    if bar.target is not None:
        x = scale.x(bar.target)
        _add(row, "line", "target", x1=x, x2=x, y1=middle - _BAR / 2 - 4, y2=middle + _BAR / 2 + 4)
    _write(row, _figures(bar), _RIGHT + 12, middle + 4.5, "")


def _figures(bar: Bar) -> str:
    return f"{bar.median:.2f} ({bar.least:.2f} to {bar.most:.2f})"


def _description(panels: Sequence[Panel]) -> str:
    parts = []
    for panel in panels:
        bars = "; ".join(
            f"{bar.name} {_figures(bar)}" + (f", target {bar.target:.2f}" if bar.target is not None else "")
            for bar in panel.bars
        )
        parts.append(f"{panel.kind}: {bars}.")
    return " ".join(parts)


def _add(parent: ET.Element, tag: str, kind: str, **numbers: float) -> None:
    element = ET.SubElement(parent, tag, {"class": kind})
    for name, number in numbers.items():
        element.set(name, f"{number:g}")


def _write(parent: ET.Element, text: str, x: float, y: float, kind: str) -> None:
    element = ET.SubElement(parent, "text", x=f"{x:g}", y=f"{y:g}")
    if kind:
        element.set("class", kind)
    element.text = text


def _say(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text
