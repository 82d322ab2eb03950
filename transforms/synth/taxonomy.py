"""Metrics a generated run can hold: what they mean and how their made-up values spread."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the taxonomy.

    ``level``, ``spread`` (between entities) and ``noise`` (between months) are in the metric's
    unit; values are kept above ``minimum``.
    """

    metric_id: str
    display_name: str
    description: str
    domain: str
    polarity: str
    unit_type: str
    display_format: str
    level: float
    spread: float
    noise: float
    minimum: float | None = 0.0
    null_fill_value: float | None = None
    null_fill_rationale: str = ""

    @property
    def tags(self) -> list[str]:
        """Tags of the metric's nodes."""
        return ["los", "throughput"] if self.domain == "Efficiency" else ["throughput"]


LOWER, HIGHER, NEUTRAL = "lower_is_better", "higher_is_better", "neutral"

_NAMED: tuple[Metric, ...] = (
    Metric("losIndex", "Length of Stay Index",
           "Observed over expected days of stay; above 1 patients stay longer than their case mix explains.",
           "Efficiency", LOWER, "ratio", "{:.2f}", 1.08, 0.16, 0.12, 0.2),
    Metric("losMeanObservedDays", "Observed Stay (Days)",
           "Mean days between admission and discharge.",
           "Efficiency", LOWER, "days", "{:.1f}", 6.1, 0.9, 0.6, 0.5),
    Metric("losMeanExpectedDays", "Expected Stay (Days)",
           "Mean days of stay that the risk model expects for the case mix.",
           "Efficiency", NEUTRAL, "days", "{:.1f}", 5.8, 0.8, 0.4, 0.5),
    Metric("losVarianceDays", "Excess Days per Case",
           "Observed less expected days of stay per case; negative where patients leave earlier.",
           "Efficiency", LOWER, "days", "{:.1f}", 0.4, 1.1, 0.8, None),
    Metric("pctAllReturnsToIcu", "Returns to Intensive Care",
           "Share of intensive-care patients who come back to intensive care during the stay.",
           "Safety", LOWER, "percentage", "{:.1f}%", 4.2, 1.1, 0.9),
    Metric("meanIcuDaysIcuFile", "Intensive-Care Days",
           "Mean days in intensive care per case that needed it.",
           "Efficiency", LOWER, "days", "{:.1f}", 3.4, 0.7, 0.5, 0.0, 0.0,
           "No value means that nobody needed intensive care."),
    Metric("icuCasesFromIcuFile", "Intensive-Care Cases per Month",
           "Average number of cases with intensive care in a month.",
           "Utilization", NEUTRAL, "count", "{:,.0f}", 310.0, 80.0, 35.0, 1.0),
    Metric("pctIcuEncountersIcuFile", "Cases with Intensive Care",
           "Share of all cases that include intensive care.",
           "Utilization", NEUTRAL, "percentage", "{:.1f}%", 17.5, 3.5, 1.8),
    Metric("pctReadmitted30Days", "Readmissions within 30 Days",
           "Share of discharged patients who are admitted again within 30 days.",
           "Effectiveness", LOWER, "percentage", "{:.1f}%", 12.8, 2.2, 1.3),
    Metric("pctTimelyTreatment", "Timely Treatment",
           "Share of eligible patients treated within the recommended time.",
           "Effectiveness", HIGHER, "percentage", "{:.1f}%", 84.0, 4.5, 2.5),
    Metric("fallsPer1000Days", "Falls per 1,000 Days",
           "Patient falls per thousand patient days.",
           "Safety", LOWER, "ratio", "{:.2f}", 2.3, 0.6, 0.5),
    Metric("pctDischargedByNoon", "Discharged by Noon",
           "Share of discharges before noon.",
           "Efficiency", HIGHER, "percentage", "{:.1f}%", 28.0, 6.0, 3.0),
)  # fmt: skip

_DOMAINS = ("Efficiency", "Safety", "Utilization", "Effectiveness")
_POLARITIES = (LOWER, HIGHER, NEUTRAL)


def metrics(count: int) -> tuple[Metric, ...]:
    """The first ``count`` metrics: the named ones, then numbered indicators."""
    named = _NAMED[:count]
    return named + tuple(_numbered(number) for number in range(len(_NAMED) + 1, count + 1))


def known_metrics(used: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Every metric the taxonomy lists for a run that holds ``used``, sorted by id."""
    return tuple(sorted({*_NAMED, *used}, key=lambda metric: metric.metric_id))


def _numbered(number: int) -> Metric:
    level = 10.0 + number % 7
    return Metric(
        metric_id=f"operationsIndicator{number:02d}",
        display_name=f"Operations Indicator {number}",
        description=f"Made-up indicator number {number}, for runs with many metrics.",
        domain=_DOMAINS[number % len(_DOMAINS)],
        polarity=_POLARITIES[number % len(_POLARITIES)],
        unit_type="percentage",
        display_format="{:.1f}%",
        level=level,
        spread=level / 8,
        noise=level / 12,
    )
