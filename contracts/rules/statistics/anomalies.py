"""QC650-QC654: anomaly labels and interpretations against the statistics they speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import polars as pl

from contracts.derived import by_nodes, derived, methods, of_nodes
from contracts.findings import Finding, Severity
from contracts.names import STATISTIC_OF_RULE
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.aggregate import aggregate_defects
from contracts.rules.statistics.comparison import differs, number_text
from contracts.rules.statistics.slopes import slope_defects
from contracts.rules.statistics.trending import trend_defects
from contracts.run_data import RunData
from contracts.tables.results import ANOMALY_TIERS

STATISTIC_VALUE = Rule(
    "QC650",
    "statistic-value-differs",
    Severity.ERROR,
    "statistic_value is not the statistic that the anomaly rule applies to",
    "The label would speak of another number than the dashboard shows",
    "Compute the node again",
)
TIER = Rule(
    "QC651",
    "anomaly-tier-differs",
    Severity.ERROR,
    "The anomaly label does not follow from the statistic",
    "Filters and colours in the dashboard go by the label",
    "Compute the node again; a missing or suppressed statistic is labelled no_score",
)
BRACES = Rule(
    "QC652",
    "interpretation-unresolved",
    Severity.WARNING,
    "An interpretation holds a placeholder that was not filled in",
    "People would read {braces}",
    "Correct the template and compute the node again",
)
FOREIGN_NUMBER = Rule(
    "QC653",
    "interpretation-number-foreign",
    Severity.WARNING,
    "An interpretation quotes a number that is none of the method's statistics",
    "The text would contradict the numbers beside it",
    "Compute the node again",
)

APPLIES_TO = Rule(
    "QC654",
    "applies-to-differs",
    Severity.ERROR,
    "An anomaly rule names no statistic that it applies to, or another than its own",
    "Its value and label would be taken for those of another statistic",
    "Write the statistic that the rule looks at, e.g. latest_simple_zscore",
)

RULES = (STATISTIC_VALUE, TIER, BRACES, FOREIGN_NUMBER, APPLIES_TO)

_LABELS = pl.Enum([*ANOMALY_TIERS, "no_score"])
_UNSCORED = len(ANOMALY_TIERS)
"""Place of the label that missing and suppressed statistics have."""
ZSCORE_BOUNDS = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)
PERCENTILE_BOUNDS = (5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 90.0, 95.0)
"""Upper bounds of all tiers but the last, inclusive; a value on a bound may go either way."""
DECIMALS = 4

Side = Literal["left", "right"]
_SIDES: tuple[Side, Side] = ("left", "right")

_ZSCORES = (
    "simple_zscore",
    "robust_zscore",
    "mean_simple_zscore",
    "latest_simple_zscore",
    "mean_robust_zscore",
    "latest_robust_zscore",
)
_PERCENTILES = ("slope_percentile", "percentile_rank")
_STATISTICS = (*_ZSCORES, *_PERCENTILES, "slope", "acceleration", "end_start_delta")
_QUOTED = (*_STATISTICS, "slope_weighted", "peer_mean", "peer_std", "peer_median", "peer_mad", "metric_value")
_LISTS = ("per_period_simple_zscores", "per_period_robust_zscores")
_KEY = ("entity_key", "statistical_method")
_RULE = ["anomaly_method", "applies_to"]


def statistic_defects(data: RunData) -> pl.DataFrame:
    """Entity, method and name of every statistic that some comparison found wrong."""
    found = [frame(data) for frame in (aggregate_defects, trend_defects, slope_defects)]
    column = pl.col("comparison").str.extract(r"^\S+ (\w+)")
    return pl.concat([frame.select(*_KEY, applies_to=column) for frame in found]).unique()


@derived
def labelled(data: RunData) -> Iterator[pl.DataFrame]:
    """raw_anomalies with the statistic each rule applies to, as the method has it.

    Where ``misapplied`` holds, ``applies_to`` is the statistic that is meant, not the one ``written``.
    """
    statistic = pl.coalesce(pl.when(pl.col("applies_to") == name).then(pl.col(name)) for name in _STATISTICS)
    own = methods(data).select(
        *_KEY,
        *_STATISTICS,
        "canonical_node_id",
        "line_number",
        "position",
        "suppressed",
        "facility_id",
        "entity_dimensions",
        "source_file",
        "legacy",
    )
    for part in by_nodes(data.frames["raw_anomalies"]):
        rules = part.select(
            *_KEY, "applies_to", "anomaly_method", "anomaly", "statistic_value", "rendered", "line_number"
        )
        placed = rules.join(
            of_nodes(own, part).drop("canonical_node_id"),
            on=[*_KEY, "line_number"],
            nulls_equal=True,
            maintain_order="left",
        )
        yield _with_meant(placed).with_columns(statistic=statistic).drop(_STATISTICS)


def _with_meant(rules: pl.DataFrame) -> pl.DataFrame:
    """Put the statistic that is meant in the place of a wrong one; legacy and suppressed ones may lack it."""
    pairs = rules.select(_RULE).unique().rows()
    meant = [(rule, name, STATISTIC_OF_RULE.get(tuple(rule.split("__")[1:3]))) for rule, name in pairs]
    wrong = [found for found in meant if found[1] is None or found[2] not in (None, found[1])]
    if not wrong:
        return rules.with_columns(written=pl.lit(None, dtype=pl.String), misapplied=pl.lit(False))
    known = pl.DataFrame(wrong, schema=dict.fromkeys((*_RULE, "meant"), pl.String), orient="row")
    missing = pl.col("applies_to").is_null()
    return (
        rules.join(
            known.with_columns(wrong=True), on=_RULE, how="left", nulls_equal=True, maintain_order="left"
        )
        .with_columns(pl.col("wrong").fill_null(False) & ~pl.col("legacy").fill_null(False))
        .with_columns(
            pl.when("wrong")
            .then(pl.coalesce("meant", "applies_to"))
            .otherwise("applies_to")
            .alias("applies_to"),
            written=pl.when("wrong").then("applies_to"),
            misapplied=pl.col("wrong") & ~(missing & pl.col("suppressed").fill_null(False)),
        )
        .drop("wrong", "meant")
    )


def check_anomalies(data: RunData) -> list[Finding]:
    """Values, labels and texts of every anomaly rule."""
    frame = labelled(data)
    if frame.is_empty():
        return []
    return [*_misapplied(frame), *_values(data, frame), *_tiers(frame), *_texts(data, frame)]


def _misapplied(frame: pl.DataFrame) -> list[Finding]:
    return fold(
        APPLIES_TO,
        frame.filter("misapplied"),
        "the rule does not apply to this statistic",
        json_path=_path("applies_to"),
        expected=lambda row: row["applies_to"],
        actual=lambda row: row["written"] or "null",
    )


def _values(data: RunData, frame: pl.DataFrame) -> list[Finding]:
    known = pl.col("applies_to").is_in(_STATISTICS)
    shown = pl.col("statistic_value").is_not_null()
    wrong = frame.filter(
        known
        & (shown | ~(pl.col("legacy") | pl.col("suppressed")))
        & (
            differs(pl.col("statistic_value"), pl.col("statistic"))
            | (shown & pl.col("statistic").is_null() & ~pl.col("suppressed"))
        )
    )
    return fold(
        STATISTIC_VALUE,
        _without(wrong, statistic_defects(data), (*_KEY, "applies_to")),
        lambda row: f"statistic_value is not {row['applies_to']}",
        json_path=_path("statistic_value"),
        expected=lambda row: number_text(row["statistic"]),
        actual=lambda row: number_text(row["statistic_value"]),
    )


def _tiers(frame: pl.DataFrame) -> list[Finding]:
    """Labels that fit neither the value beside them nor the statistic, from either side of a bound."""
    found: list[Finding] = []
    label = pl.col("anomaly").cast(_LABELS, strict=False).to_physical()
    withheld = (pl.col("suppressed") & (label == _UNSCORED)).fill_null(False)
    for names, bounds in ((_ZSCORES, ZSCORE_BOUNDS), (_PERCENTILES, PERCENTILE_BOUNDS)):
        own = frame.filter(pl.col("applies_to").is_in(names) & ~pl.col("legacy"))
        tiers = [
            _tier(column, bounds, side) for column in ("statistic_value", "statistic") for side in _SIDES
        ]
        fits = [(label == tier).fill_null(False) for tier in tiers]
        found += fold(
            TIER,
            own.with_columns(tier=tiers[0]).filter(~pl.any_horizontal(fits) & ~withheld),
            lambda row: f"the label does not follow from {row['applies_to']}",
            json_path=_path("anomaly"),
            expected=lambda row: (
                f"{_LABELS.categories[row['tier']]} (for {number_text(row['statistic_value'])})"
            ),
            actual=lambda row: row["anomaly"],
        )
    return found


def _tier(column: str, bounds: tuple[float, ...], side: Side) -> pl.Expr:
    """The label of a number, by its place; one on a bound belongs to the tier below on the ``left``."""
    tier = pl.lit(pl.Series(bounds)).search_sorted(pl.col(column), side=side)
    return pl.when(pl.col(column).is_null()).then(_UNSCORED).otherwise(tier)


def _texts(data: RunData, frame: pl.DataFrame) -> list[Finding]:
    braces = frame.filter(pl.col("rendered").str.contains("[{}]"))
    return fold(
        BRACES,
        braces,
        "the text holds a placeholder",
        json_path=_path("interpretation/rendered"),
        actual=lambda row: row["rendered"][:80],
    ) + fold(
        FOREIGN_NUMBER,
        _foreign_numbers(data, frame),
        lambda row: f"the text quotes {row['quoted']}, which none of the method's statistics is",
        json_path=_path("interpretation/rendered"),
        actual=lambda row: row["rendered"][:80],
    )


def _without(frame: pl.DataFrame, others: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """Rows of ``frame`` that are not among ``others``, of which there are hardly ever any."""
    return frame if others.is_empty() else frame.join(others, on=on, how="anti", maintain_order="left")


def _foreign_numbers(data: RunData, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows whose text has a number of four decimals that no statistic of the method rounds to.

    Methods with a statistic that was found wrong are left out: the text may quote the right one.
    """
    quoted = (
        _without(frame, statistic_defects(data), _KEY)
        .select(*_KEY, "anomaly_method", "statistic", "rendered")
        .filter(pl.col("rendered").is_not_null())
        .with_columns(quoted=pl.col("rendered").str.extract_all(rf"[-\u2212]?\d+\.\d{{{DECIMALS}}}\b"))
        .explode("quoted")
        .with_columns(number=pl.col("quoted").str.replace("\u2212", "-").cast(pl.Float64))
        .filter(pl.col("number").is_not_null() & ~_rounds_to("statistic").fill_null(False))
    )
    if quoted.is_empty():
        return frame.clear()
    own = quoted.join(
        methods(data).select(*_KEY, *_QUOTED, *_LISTS), on=_KEY, how="left", maintain_order="left"
    )
    foreign = own.filter(~pl.any_horizontal([_rounds_to(name).fill_null(False) for name in _QUOTED]))
    for name in _LISTS:
        scores = pl.col(name).str.json_decode(pl.List(pl.Float64))
        near = (scores - pl.col("number")).list.eval(pl.element().abs()).list.min() <= _HALF_UNIT
        foreign = foreign.filter(~near.fill_null(False))
    first = foreign.select(*_KEY, "anomaly_method", "quoted").unique([*_KEY, "anomaly_method"], keep="first")
    return frame.join(first, on=[*_KEY, "anomaly_method"], maintain_order="left")


_HALF_UNIT = 0.5 * 10.0**-DECIMALS * (1 + 1e-6)
"""Half of the last digit; a little more, for ties that were rounded the other way."""


def _rounds_to(column: str) -> pl.Expr:
    return (pl.col(column) - pl.col("number")).abs() <= _HALF_UNIT


def _path(member: str) -> Callable[[Row], str]:
    def path(row: Row) -> str:
        return f"/statistical_methods/{row['position']}/anomalies/*/methods/*/{member}"

    return path


CHECKS = (check_anomalies,)
