"""Pieces that all pictures share: the frame, axes and shortened labels."""

from __future__ import annotations

from transforms.reports.html.markup import Markup, element
from transforms.reports.html.scale import Scale, number

WIDTH = 900
"""Width of pictures, in user units; they shrink with the page."""


def picture(title: str, height: float, *shapes: Markup, width: float = WIDTH) -> Markup:
    """An SVG of ``width`` x ``height`` that screen readers announce as ``title``."""
    return element(
        "svg",
        *shapes,
        viewbox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=title,
        style=f"max-width:{width:.0f}px",
    )


def figure(svg: Markup, caption: str, detail: str = "") -> Markup:
    """``svg`` under its caption."""
    described = element(
        "figcaption", element("strong", caption), " ", element("span", detail, class_="muted")
    )
    return element("figure", described, element("div", svg, class_="scroll"))


def text(x: float, y: float, content: str, class_: str, anchor: str = "start") -> Markup:
    """Text at a point; ``anchor`` is start, middle or end."""
    return element("text", content, x=float(x), y=float(y), class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A line between two points."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def dot(x: float, y: float, title: str, class_: str = "dot") -> Markup:
    """A point with a tooltip."""
    return element("circle", element("title", title), cx=float(x), cy=float(y), r=3, class_=class_)


def bottom_axis(scale: Scale, top: float, bottom: float) -> list[Markup]:
    """Grid lines from ``top`` to ``bottom`` at the ticks of a horizontal scale, labelled below."""
    shapes = []
    for tick in scale.ticks():
        shapes.append(line(scale(tick), top, scale(tick), bottom, "grid-line"))
        shapes.append(text(scale(tick), bottom + 14, number(tick), "tick", "middle"))
    return shapes


def left_axis(scale: Scale, left: float, right: float) -> list[Markup]:
    """Grid lines from ``left`` to ``right`` at the ticks of a vertical scale, labelled at the left."""
    shapes = []
    for tick in scale.ticks(5):
        shapes.append(line(left, scale(tick), right, scale(tick), "grid-line"))
        shapes.append(text(left - 6, scale(tick) + 4, number(tick), "tick", "end"))
    return shapes


def shorten(label: str, limit: int) -> str:
    """``label`` with its middle left out where it is longer than ``limit``."""
    if len(label) <= limit:
        return label
    head = (limit - 1) * 2 // 3
    return (
        f"{label[:head].rstrip()}\N{HORIZONTAL ELLIPSIS}{label[len(label) - (limit - 1 - head) :].lstrip()}"
    )
