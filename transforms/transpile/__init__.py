"""Compiled models, written in PostgreSQL's dialect, in DuckDB's: a gate, a few rules, and sqlglot."""

from transforms.transpile.errors import NotPortable
from transforms.transpile.portable import check_portable
from transforms.transpile.translate import to_duckdb, type_to_duckdb

__all__ = ["NotPortable", "check_portable", "to_duckdb", "type_to_duckdb"]
