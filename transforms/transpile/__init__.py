"""Compiled models, written in PostgreSQL's dialect, in DuckDB's: a gate, a few rules, and sqlglot.

``portable`` translates, which takes sqlglot and seconds; ``compiled`` reads what it gave for the
project when its manifest was compiled.
"""
