"""Everything at once, for a while: ``python -m tests.soak``."""
