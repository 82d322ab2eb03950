"""Metadata of the dbt project and of the active run."""
