"""Engines that run compiled models and tests: native PostgreSQL, and dbt itself, behind one protocol."""
