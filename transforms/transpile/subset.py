"""The SQL that models may use: what is known, and tested, to mean the same in PostgreSQL and DuckDB.

Each function and operator here occurs in a pair of ``tests/fixtures/transpile``, which is run on both
engines. Types are matched exactly: a subclass of an allowed expression is another construct.
"""

from __future__ import annotations

from sqlglot import exp

STRUCTURE: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Alias,
        exp.CTE,
        exp.Column,
        exp.Distinct,
        exp.Except,
        exp.Filter,
        exp.From,
        exp.Group,
        exp.Having,
        exp.Identifier,
        exp.Intersect,
        exp.Join,
        exp.Order,
        exp.Ordered,
        exp.Paren,
        exp.Select,
        exp.Star,
        exp.Subquery,
        exp.Table,
        exp.TableAlias,
        exp.Union,
        exp.Where,
        exp.Window,
        exp.With,
    }
)
"""What statements are made of."""

VALUES: frozenset[type[exp.Expr]] = frozenset(
    {exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Interval, exp.Literal, exp.Null, exp.Var}
)
"""Constants and the names of types."""

OPERATORS: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Add,
        exp.And,
        exp.Between,
        exp.Case,
        exp.Cast,
        exp.DPipe,
        exp.Div,
        exp.EQ,
        exp.Exists,
        exp.GT,
        exp.GTE,
        exp.If,
        exp.In,
        exp.Is,
        exp.LT,
        exp.LTE,
        exp.Like,
        exp.Mul,
        exp.NEQ,
        exp.Neg,
        exp.Not,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.Or,
        exp.Sub,
    }
)
"""Operators and conditions."""

FUNCTIONS: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Abs,
        exp.Avg,
        exp.Coalesce,
        exp.Count,
        exp.DenseRank,
        exp.ExplodingGenerateSeries,
        exp.Greatest,
        exp.Least,
        exp.LogicalAnd,
        exp.LogicalOr,
        exp.Max,
        exp.Min,
        exp.Nullif,
        exp.Rank,
        exp.Replace,
        exp.Round,
        exp.RowNumber,
        exp.SplitPart,
        exp.Sum,
    }
)
"""Functions, aggregates and window functions."""

ALLOWED = STRUCTURE | VALUES | OPERATORS | FUNCTIONS

INTEGERS = frozenset({exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT})
TEXTS = frozenset({exp.DType.TEXT, exp.DType.VARCHAR})
TYPES = (
    INTEGERS
    | TEXTS
    | {
        exp.DType.BOOLEAN,
        exp.DType.DATE,
        exp.DType.DECIMAL,
        exp.DType.DOUBLE,
        exp.DType.INTERVAL,
        exp.DType.TIMESTAMP,
        exp.DType.TIMESTAMPTZ,
    }
)
"""Types a model may cast to; the same values fit into them in both engines."""

SAME_TEXT = INTEGERS | TEXTS | {exp.DType.DATE, exp.DType.DECIMAL}
"""Types whose values both engines write as the same text."""
