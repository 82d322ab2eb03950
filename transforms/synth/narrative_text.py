"""The Markdown of a narrative, section by section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_TOP = 5
_NOTABLE_ZSCORE = 0.5
_STEEP_PERCENTILE = 80
_BAR_WIDTH = 8
_TABLE_HEAD = (
    "| Rank | Dimension | Segment | LOS Index (Agg) | Weight | Excess (Agg) | Trend (12mo) "
    "| Slope %ile | Mean Z (12mo) | Z (Agg) | Peer Status | Multi-KPI | Interpretation |"
)
_HIERARCHY_HEAD = "| Level | Segment | Value | Weight | Excess | Z-Score | Peer Status | Interpretation |"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a facility: value in the metric's unit, share and change as fractions."""

    dimension: str
    name: str
    value: float
    share: float
    excess: float
    change: float | None
    slope_percentile: float | None
    mean_zscore: float | None
    zscore: float
    tier: str

    @property
    def status(self) -> str:
        """Tier in words."""
        return self.tier.replace("_", " ")

    @property
    def trend(self) -> str | None:
        """Arrow and change in percent."""
        if self.change is None:
            return None
        return f"{'↑' if self.change > 0 else '↓'} {self.change * 100:+.0f}%"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another figure of the facility against its peers."""

    name: str
    value: float
    zscore: float
    tier: str


@dataclass(frozen=True, slots=True)
class Story:
    """What a narrative tells; ``parts`` are the sub-service lines of a service line."""

    facility_id: str
    value: float
    generated: str
    comparisons: list[Comparison]
    total_segments: int
    segments: list[Segment]
    parts: dict[str, list[Segment]]


def render(story: Story) -> str:
    """The document."""
    higher = sorted((part for part in story.segments if part.excess > 0), key=lambda part: -part.excess)
    lower = sorted((part for part in story.segments if part.excess < 0), key=lambda part: part.excess)
    lines = [
        f"# Contribution Analysis: Medicare ID {story.facility_id}",
        f"**Facility LOS Index**: {story.value:.4f}",
        f"**Generated**: {story.generated}",
        "---",
        *_comparison(story.comparisons),
        *_summary(story, higher, lower),
        *_pareto(higher, lower),
        *_drivers("Top Drivers of Higher LOS (Positive Excess)", higher),
        *_drivers("Top Drivers of Lower LOS (Negative Excess)", lower),
        *_insights(higher),
        *_hierarchy(story),
    ]
    return "\n".join(lines) + "\n"


def _comparison(comparisons: list[Comparison]) -> Iterator[str]:
    yield from ("", "## Cross-Metric Peer Comparison", "| Metric | Value | Z-Score | Peer Status |", _rule(4))
    for item in comparisons:
        yield f"| {item.name} | {item.value:.3f} | {item.zscore:+.2f} | {item.tier.replace('_', ' ')} |"


def _summary(story: Story, higher: list[Segment], lower: list[Segment]) -> Iterator[str]:
    yield from ("", "## Executive Summary")
    yield f"- **Total segments analyzed**: {story.total_segments} ({len(story.segments)} facility-level)"
    yield f"- **Pareto Insight**: {_insight(higher)}"
    for title, found in (("HIGHER LOS** (longer stays)", higher), ("LOWER LOS** (shorter stays)", lower)):
        yield f"**Top contributors to {title}:"
        for part in found[:_TOP]:
            trend = f", {part.trend}" if part.trend else ""
            yield f"  - [{part.dimension}] {part.name}: {part.excess:+.4f}{trend}"


def _insight(higher: list[Segment]) -> str:
    if not higher:
        return "No segment lies above the facility as a whole"
    top = higher[:2]
    percent = 100 * sum(part.excess for part in top) / sum(part.excess for part in higher)
    return f"{' and '.join(part.name for part in top)} account for {percent:.0f}% of the added stay"


def _cumulative(found: list[Segment]) -> list[float]:
    """Running share of the total excess, in percent."""
    total = sum(part.excess for part in found)
    running = 0.0
    shares = []
    for part in found:
        running += part.excess
        shares.append(100 * running / total)
    return shares


def _pareto(higher: list[Segment], lower: list[Segment]) -> Iterator[str]:
    yield from ("", "## Pareto Analysis: Cumulative Impact")
    for title, sign, found in (("Adding to", "positive", higher), ("Reducing", "negative", lower)):
        if not found:
            continue
        shares = _cumulative(found)[:_TOP]
        yield from (f"### Segments {title} LOS Index", "```")
        for part, share in zip(found, shares, strict=False):
            filled = round(share / 100 * _BAR_WIDTH)
            bar = "▓" * filled + "░" * (_BAR_WIDTH - filled)
            yield f"{bar} {share:6.1f}% | {part.name} ({part.excess:+.4f})"
        yield f"{' ' * 19}[Top {len(shares)} = {shares[-1]:.0f}% of total {sign} excess]"
        yield "```"


def _drivers(title: str, found: list[Segment]) -> Iterator[str]:
    if not found:
        return
    yield from ("", f"## {title}", _TABLE_HEAD, _rule(13))
    for rank, (part, share) in enumerate(zip(found[:_TOP], _cumulative(found), strict=False), 1):
        cells = (
            str(rank),
            part.dimension,
            part.name,
            f"{part.value:.3f}",
            f"{part.share * 100:.1f}%",
            f"{part.excess:+.4f}",
            part.trend or "-",
            "-" if part.slope_percentile is None else f"{part.slope_percentile:.0f}",
            "-" if part.mean_zscore is None else f"{part.mean_zscore:+.2f}",
            f"{part.zscore:+.2f}",
            part.status,
            _several(part),
            f"{_reading(part)}; [Cum:{share:.0f}%]",
        )
        yield f"| {' | '.join(cells)} |"


def _several(part: Segment) -> str:
    """Whether the segment stands out in more ways than one."""
    signs = (
        part.zscore >= 1,
        (part.slope_percentile or 0) >= _STEEP_PERCENTILE,
        (part.mean_zscore or 0) >= _NOTABLE_ZSCORE,
    )
    return {2: "Double", 3: "Triple"}.get(sum(signs), "-")


def _reading(part: Segment) -> str:
    where = "longer than" if part.excess > 0 else "shorter than"
    if part.slope_percentile is None:
        return f"stays {where} in the whole facility, too few months for a trend"
    direction = "rising faster" if part.slope_percentile >= _STEEP_PERCENTILE else "no steeper"
    return f"stays {where} in the whole facility, {direction} than most peers"


def _insights(higher: list[Segment]) -> Iterator[str]:
    unusual = [part for part in higher if part.zscore >= _NOTABLE_ZSCORE][:_TOP]
    usual = [part for part in higher if part.zscore < _NOTABLE_ZSCORE][:_TOP]
    if not higher:
        return
    yield from ("", "## Insights: Internal vs External Comparison")
    if unusual:
        yield "### Double Trouble (adds to the stay, unusual among peers)"
        for part in unusual:
            yield f"- **{part.name}**: excess {part.excess:+.4f}, z={part.zscore:+.2f} ({part.status})"
    if usual:
        yield "### Internal Issue (adds to the stay, usual among peers)"
        for part in usual:
            yield f"- {part.name}: excess {part.excess:+.4f}, z={part.zscore:+.2f}"


def _hierarchy(story: Story) -> Iterator[str]:
    lines = [part for part in story.segments if part.name in story.parts]
    if not lines:
        return
    yield from ("", "## Hierarchical Contribution Breakdown", _HIERARCHY_HEAD, _rule(8))
    for line in lines:
        cells = ("SL", *_hierarchy_cells(line))
        yield "| " + " | ".join(f"**{cell}**" for cell in cells) + " |"
        for part in story.parts[line.name]:
            yield f"| └─ SSL | {' | '.join(_hierarchy_cells(part))} |"


def _hierarchy_cells(part: Segment) -> tuple[str, ...]:
    return (
        part.name,
        f"{part.value:.3f}",
        f"{part.share * 100:.1f}%",
        f"{part.excess:+.4f}",
        f"{part.zscore:+.2f}",
        part.status,
        "adds to the stay" if part.excess > 0 else "shortens the stay",
    )


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
