"""Types of the columns a statement reads, followed through the whole graph of models."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from transforms.compiled.manifest import Manifest, Node
from transforms.transpile.raw_tables import REGISTRY

_TAG = "operand"
_UNKNOWN = exp.DType.UNKNOWN

TYPED: tuple[type[exp.Expr], ...] = (exp.Avg, exp.Cast, exp.DPipe, exp.Div, exp.Round, exp.Sum)
"""Expressions whose meaning depends on the types of their operands."""


class ColumnTypes:
    """What is known of the relations of ``manifest``; models are learned in build order."""

    def __init__(self, manifest: Manifest | None = None) -> None:
        self._schema = MappingSchema(dialect="postgres")
        for source in manifest.sources.values() if manifest is not None else ():
            declared = {column.name: column.data_type for column in source.columns if column.data_type}
            self._add(source, declared | (REGISTRY if source.alias == "runs" else {}))

    def learn_seed(self, node: Node) -> None:
        """Add the columns of a seed, as declared."""
        assert node.seed is not None, f"{node.unique_id} is a seed"
        self._add(node, dict(node.seed.column_types))

    def learn(self, node: Node, statement: exp.Expr) -> None:
        """Write types onto the operands of ``statement``; add its columns when ``node`` is a model.

        What cannot be told has the type unknown. Raises sqlglot.errors.SqlglotError for a statement
        whose columns contradict the relations it reads.
        """
        if node.resource_type == "test" and statement.find(*TYPED) is None:
            return
        operands = [part for typed in statement.find_all(*TYPED) for part in typed.iter_expressions()]
        for number, operand in enumerate(operands):
            operand.meta[_TAG] = number
        # Qualifying rewrites the statement, which is to be translated as its author wrote it.
        qualified = qualify(
            statement.copy(),
            schema=self._schema,
            dialect="postgres",
            expand_alias_refs=False,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
        typed = annotate_types(qualified, schema=self._schema, dialect="postgres")
        found = {part.meta[_TAG]: part.type for part in typed.walk() if _TAG in part.meta}
        for number, operand in enumerate(operands):
            del operand.meta[_TAG]
            operand.type = found.get(number) or exp.DataType(this=_UNKNOWN)
        if node.resource_type == "model" and isinstance(typed, exp.Query):
            self._add(node, {part.alias_or_name: part.type for part in typed.selects if part.type})

    def _add(self, node: Node, columns: dict[str, str] | dict[str, exp.DataType]) -> None:
        if columns:
            self._schema.add_table(exp.table_(node.alias, db=node.schema), dict(columns))


def kind(operand: exp.Expr | None) -> exp.DType:
    """The type of an operand without its parameters; unknown where ``learn`` could not tell."""
    if operand is None or operand.type is None or not isinstance(operand.type.this, exp.DType):
        return _UNKNOWN
    return operand.type.this
