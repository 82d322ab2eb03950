"""The feed: what happened to signals, read at once or as it happens."""
