"""Revisions of the application's tables, applied by ``backend.db.migrate``."""
