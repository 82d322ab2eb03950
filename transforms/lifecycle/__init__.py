"""A run's way through the database: load, build, publish, and the registry that records it."""
