"""Statistical methods of nodes, their anomaly rules and the verdicts of these rules."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

AGGREGATE_SCOPE = "aggregate_time_period"
TREND_SCOPE = "trending_time_period"

TIERS: tuple[str, ...] = (
    "extremely_low",
    "very_low",
    "moderately_low",
    "slightly_low",
    "normal",
    "slightly_high",
    "moderately_high",
    "very_high",
    "extremely_high",
)
NO_SCORE = "no_score"
ZSCORE_BOUNDS: tuple[float, ...] = (-3, -2, -1, -0.5, 0.5, 1, 2, 3)
PERCENTILE_BOUNDS: tuple[float, ...] = (5, 10, 20, 40, 60, 80, 90, 95)

_PHRASES: dict[str, str] = {
    "extremely_low": "far below every usual peer",
    "very_low": "well below its peers",
    "moderately_low": "clearly below its peers",
    "slightly_low": "a little below its peers",
    "normal": "in line with its peers",
    "slightly_high": "a little above its peers",
    "moderately_high": "clearly above its peers",
    "very_high": "well above its peers",
    "extremely_high": "far above every usual peer",
}


@dataclass(frozen=True, slots=True)
class AnomalyRule:
    """Names a tier for one statistic; upper bounds of tiers are inclusive."""

    name: str
    applies_to: str
    label: str
    bounds: tuple[float, ...] = ZSCORE_BOUNDS

    def tier(self, value: float | None) -> str:
        """Tier of ``value``; no_score where there is none."""
        return NO_SCORE if value is None else TIERS[bisect_left(self.bounds, value)]


@dataclass(frozen=True, slots=True)
class Method:
    """A statistical method with its anomaly rules, under one method set."""

    name: str
    scope: str
    rules: tuple[AnomalyRule, ...]

    @property
    def id(self) -> str:
        """Identifier in YAML, headers and entities."""
        return f"statistical_method__{self.name}__{self.scope}"

    @property
    def profile_id(self) -> str:
        """Identifier of the anomaly profile."""
        return f"anomaly_profiles__{self.name}__{self.scope}"

    def rule_id(self, rule: AnomalyRule) -> str:
        """Identifier of one of the rules."""
        return f"anomaly_method__{self.name}__{rule.name}__{self.scope}"

    def anomalies(self, subject: str, statistics: dict[str, object]) -> list[dict[str, object]]:
        """Verdicts on ``statistics`` of ``subject``, as an entity of a node file holds them."""
        verdicts = []
        for rule in self.rules:
            value = statistics[rule.applies_to]
            score = value if isinstance(value, float) else None
            tier = rule.tier(score)
            verdicts.append(
                {
                    "anomaly_method": self.rule_id(rule),
                    "anomaly": tier,
                    "statistic_value": score,
                    "applies_to": rule.applies_to,
                    "interpretation": {
                        "template_id": self._template_id(rule, tier),
                        "rendered": _rendered(subject, rule, tier, score),
                    },
                }
            )
        return [{"anomaly_profile": self.profile_id, "methods": verdicts}]

    def _template_id(self, rule: AnomalyRule, tier: str) -> str:
        # The engine leaves the rule out of the ids of this one rule's templates.
        segment = "" if rule is _LATEST_ROBUST else f"__{rule.name}"
        return f"interpretation_template__{self.name}{segment}__{self.scope}__{tier}"


def _rendered(subject: str, rule: AnomalyRule, tier: str, value: float | None) -> str:
    if value is None:
        return f"{subject} has no {rule.label}."
    return f"{subject} lies {_PHRASES[tier]}; {rule.label} {value:.4f}."


_LATEST_ROBUST = AnomalyRule("robust_zscore_threshold", "latest_robust_zscore", "latest robust z-score")

SIMPLE = Method(
    "simple_zscore",
    AGGREGATE_SCOPE,
    (AnomalyRule("simple_zscore_threshold", "simple_zscore", "z-score"),),
)
ROBUST = Method(
    "robust_zscore",
    AGGREGATE_SCOPE,
    (AnomalyRule("robust_zscore_threshold", "robust_zscore", "robust z-score"),),
)
TRENDING_SIMPLE = Method(
    "trending_simple_zscore",
    TREND_SCOPE,
    (
        AnomalyRule("simple_zscore_threshold", "latest_simple_zscore", "latest z-score"),
        AnomalyRule("mean_simple_zscore_threshold", "mean_simple_zscore", "mean z-score"),
    ),
)
TRENDING_ROBUST = Method(
    "trending_robust_zscore",
    TREND_SCOPE,
    (
        _LATEST_ROBUST,
        AnomalyRule("mean_robust_zscore_threshold", "mean_robust_zscore", "mean robust z-score"),
    ),
)
SLOPE = Method(
    "slope_percentile",
    TREND_SCOPE,
    (AnomalyRule("percentile_threshold", "slope_percentile", "slope percentile", PERCENTILE_BOUNDS),),
)
AGGREGATE_METHODS: tuple[Method, ...] = (SIMPLE, ROBUST)
TREND_METHODS: tuple[Method, ...] = (TRENDING_SIMPLE, TRENDING_ROBUST, SLOPE)


def methods_of(monthly: bool) -> tuple[Method, ...]:
    """Methods of monthly or of aggregate nodes, in the order documents list them."""
    return TREND_METHODS if monthly else AGGREGATE_METHODS
