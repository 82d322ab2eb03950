"""Runs: the registry, the graph of a run, results of its nodes, differences between two of them."""
