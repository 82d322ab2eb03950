"""Building HTML and SVG: whatever is not markup already is escaped."""

from __future__ import annotations

import html

from transforms.reports.wording import printable

_VOID = frozenset({"br", "hr", "input", "meta"})


class Markup(str):
    """Text that is markup already; only ``element`` and ``trusted`` make it."""

    __slots__ = ()


def trusted(text: str) -> Markup:
    """``text`` as markup: for the page's own constants, never for anything from a run."""
    return Markup(text)


def escaped(text: str) -> Markup:
    """``text`` as the page shows it, characters that act made visible."""
    lines = (printable(line) for line in text.split("\n"))
    return Markup(html.escape("\n".join(lines)))


def join(*children: str) -> Markup:
    """``children`` in a row; those that are plain text are escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escaped(child) for child in children))


def element(tag: str, /, *children: str, **attributes: str | float | bool | None) -> Markup:
    """An element; attributes that are None or False are left out, ``_`` in names reads ``-``.

    A trailing ``_`` keeps a name from being a Python keyword: ``class_``, ``for_``.
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if tag in _VOID:
        return Markup(f"<{tag}{shown}>")
    return Markup(f"<{tag}{shown}>{join(*children)}</{tag}>")


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    # SVG is one of the few places where the case of a name counts.
    name = "viewBox" if name == "viewbox" else name
    if value is True:
        return f" {name}"
    text = f"{value:.7g}" if isinstance(value, float) else str(value)
    return f' {name}="{escaped(text)}"'
