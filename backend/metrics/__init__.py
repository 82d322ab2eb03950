"""Metrics: what is measured, and questions to the semantic layer."""
