"""/api/narratives: what contributes to a facility's value, as the engine wrote it for people."""
