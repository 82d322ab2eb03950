"""Rules a run must keep, one family a module, each with a stable code."""
