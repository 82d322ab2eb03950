"""The slim compiled manifest: what dbt knows about the models, checked in, so that engines need no dbt."""
