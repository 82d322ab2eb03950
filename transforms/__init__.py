"""From a run directory to published marts: staging, preflight, loading, building, publishing."""
