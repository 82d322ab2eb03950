"""QC511-QC524: the graph, its definitions and the documents that repeat it."""

from __future__ import annotations

from contracts.findings import Finding
from contracts.rules.gather import limited
from contracts.rules.graph import attachments, edges, nodes
from contracts.run_data import RunData

RULES = (*nodes.RULES, *edges.RULES, *attachments.RULES)


def check_graph(data: RunData) -> list[Finding]:
    """Nodes, edges, terms, YAML definitions and drawings of the graph."""
    return limited(
        (
            *nodes.check_nodes(data),
            *nodes.check_terms(data),
            *edges.check_edges(data),
            *attachments.check_groups(data),
            *attachments.check_pictures(data),
        )
    )


CHECKS = (check_graph,)
