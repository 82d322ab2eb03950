"""Rewrites where sqlglot's own translation is not faithful: one rule a file, expression to expression."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from transforms.transpile.rules.integer_division import integer_division
from transforms.transpile.rules.like_escape import like_escape

Rule = Callable[[exp.Expr], exp.Expr]

RULES: tuple[Rule, ...] = (integer_division, like_escape)
"""Applied to every node of a statement, in this order."""
