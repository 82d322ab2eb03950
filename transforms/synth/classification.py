"""The simplified classification: indicators, signal type and severity of every entity."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

MIN_PERIODS = 3
SPIKE_BOUND = 3.0

POSITION_LOW_BOUNDS = (-1.5, -0.5)
POSITION_HIGH_BOUNDS = (0.5, 1.0, 2.0)
POSITIONS = ("excellent", "favorable", "normal", "marginal", "elevated", "severe")
TREND_BOUNDS = (10, 30, 70, 90)
TRENDS = ("rapidly_improving", "improving", "stable", "worsening", "rapidly_worsening")
MOMENTUM_DEAD_ZONE = 0.005
STRONG_ACCELERATION = 0.01
CONSISTENT_BELOW = 0.5


@dataclass(frozen=True, slots=True)
class SignalType:
    """A signal type: the range its severities stay in and where they start."""

    name: str
    low: int
    high: int
    base: int
    steps: tuple[str, ...] = ()


SUSPECT = SignalType("suspect_data", 50, 50, 50)
SUSTAINED = SignalType("sustained_excellence", 0, 12, 6, ("slope",))
LEADER = SignalType("improving_leader", 13, 25, 19, ("slope", "deceleration"))
BASELINE = SignalType("baseline", 26, 59, 42, ("zscore", "slope"))
RECOVERING = SignalType("recovering", 45, 59, 52, ("zscore", "slope"))
EMERGING = SignalType("emerging_risk", 60, 70, 65, ("high_zscore", "slope", "acceleration"))
VOLATILE = SignalType("volatility_alert", 71, 80, 75, ("slope",))
CHRONIC = SignalType("chronic_underperformer", 81, 90, 86, ("slope",))
CRITICAL = SignalType("critical_trajectory", 91, 100, 95, ("high_zscore", "acceleration"))

_TYPES: dict[str, tuple[SignalType, SignalType, SignalType, SignalType, SignalType]] = {
    "excellent": (SUSTAINED, SUSTAINED, SUSTAINED, BASELINE, BASELINE),
    "favorable": (LEADER, LEADER, BASELINE, BASELINE, BASELINE),
    "normal": (LEADER, LEADER, BASELINE, EMERGING, EMERGING),
    "marginal": (BASELINE, BASELINE, BASELINE, EMERGING, EMERGING),
    "elevated": (RECOVERING, RECOVERING, BASELINE, CHRONIC, CHRONIC),
    "severe": (RECOVERING, RECOVERING, CHRONIC, CHRONIC, CRITICAL),
}
"""Signal type by position and trend."""

_SPIKE_CELLS = frozenset(
    (position, trend)
    for position, trends in (("excellent", TRENDS[3:]), ("severe", TRENDS[:3]))
    for trend in trends
)
"""Where a month that stands out makes the type volatility_alert."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Numbers of a monthly node that an aggregate entity is classified by."""

    aggregate_zscore: float | None
    slope_percentile: float | None
    acceleration: float | None
    zscore_std: float | None
    max_abs_deviation: float | None


@dataclass(frozen=True, slots=True)
class Indicators:
    """What the inputs say."""

    position: str
    trend: str
    momentum: str
    consistency: str
    has_spike: bool


@dataclass(frozen=True, slots=True)
class Refinement:
    """A step from the base severity."""

    factor: str
    adjustment: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Signal type and severity, and how they came about."""

    signal_type: SignalType
    severity: int
    refinements: tuple[Refinement, ...]
    reasoning: str


def indicate(inputs: Inputs) -> Indicators:
    """Indicators of ``inputs``; a missing number counts as unremarkable."""
    zscore = 0.0 if inputs.aggregate_zscore is None else inputs.aggregate_zscore
    percentile = 50.0 if inputs.slope_percentile is None else inputs.slope_percentile
    acceleration = inputs.acceleration or 0.0
    momentum = "neutral"
    if acceleration > MOMENTUM_DEAD_ZONE:
        momentum = "accelerating"
    elif acceleration < -MOMENTUM_DEAD_ZONE:
        momentum = "decelerating"
    return Indicators(
        # Low bounds belong to the better tier, high bounds to the worse one.
        position=POSITIONS[
            bisect_left(POSITION_LOW_BOUNDS, zscore) + bisect_right(POSITION_HIGH_BOUNDS, zscore)
        ],
        trend=TRENDS[bisect_right(TREND_BOUNDS, percentile)],
        momentum=momentum,
        consistency="consistent" if (inputs.zscore_std or 0.0) < CONSISTENT_BELOW else "variable",
        has_spike=(inputs.max_abs_deviation or 0.0) >= SPIKE_BOUND,
    )


def classify(inputs: Inputs, indicators: Indicators, *, suppressed: bool, periods: int) -> Verdict:
    """Signal type by position and trend, severity by steps from the type's base."""
    signal_type = _signal_type(indicators, suppressed=suppressed, periods=periods)
    refinements = _refinements(signal_type, inputs)
    wanted = signal_type.base + sum(step.adjustment for step in refinements)
    severity = min(max(wanted, signal_type.low), signal_type.high)
    if severity != wanted:
        refinements = (*refinements, Refinement("range", severity - wanted, "kept in the type's range"))
    if signal_type is SUSPECT:
        cause = "too few peers" if suppressed else f"only {periods} months"
        reasoning = f"suspect_data: {cause}"
    else:
        reasoning = f"{signal_type.name}: {indicators.position} level, {indicators.trend} trend"
    return Verdict(signal_type, severity, refinements, reasoning)


def _signal_type(indicators: Indicators, *, suppressed: bool, periods: int) -> SignalType:
    if suppressed or periods < MIN_PERIODS:
        return SUSPECT
    if indicators.has_spike and (indicators.position, indicators.trend) in _SPIKE_CELLS:
        return VOLATILE
    return _TYPES[indicators.position][TRENDS.index(indicators.trend)]


def _refinements(signal_type: SignalType, inputs: Inputs) -> tuple[Refinement, ...]:
    steps = (_STEPS[name](inputs) for name in signal_type.steps)
    return tuple(step for step in steps if step.adjustment)


def _zscore_step(inputs: Inputs) -> Refinement:
    zscore = inputs.aggregate_zscore or 0.0
    adjustment = bisect_left((-1, -0.5), zscore) + bisect_right((0.5, 1), zscore) - 2
    return Refinement("zscore", adjustment, "distance from the peers")


def _high_zscore_step(inputs: Inputs) -> Refinement:
    step = _zscore_step(inputs)
    return Refinement(step.factor, max(step.adjustment, 0), step.reason)


def _slope_step(inputs: Inputs) -> Refinement:
    percentile = 50.0 if inputs.slope_percentile is None else inputs.slope_percentile
    return Refinement("slope", bisect_right((20, 40, 60, 80), percentile) - 2, "slope among the peers")


def _acceleration_step(inputs: Inputs) -> Refinement:
    acceleration = inputs.acceleration or 0.0
    adjustment = int(acceleration > MOMENTUM_DEAD_ZONE) + int(acceleration >= STRONG_ACCELERATION)
    return Refinement("momentum", adjustment, "getting worse faster")


def _deceleration_step(inputs: Inputs) -> Refinement:
    slowing = (inputs.acceleration or 0.0) < -MOMENTUM_DEAD_ZONE
    return Refinement("momentum", -2 if slowing else 0, "getting better faster")


_STEPS = {
    "zscore": _zscore_step,
    "high_zscore": _high_zscore_step,
    "slope": _slope_step,
    "acceleration": _acceleration_step,
    "deceleration": _deceleration_step,
}
