"""What can go wrong when runs are asked for."""

from __future__ import annotations

from backend.errors import DomainError


class RunNotFound(DomainError):
    """The graph has no such run, or its rows are not (all) in the database."""

    slug = "run-not-found"
    title = "Run not found"
    status = 404

    def __init__(self, graph_name: str, run_id: str) -> None:
        self.graph_name = graph_name
        self.run_id = run_id
        super().__init__(f"Run not found: {graph_name}/{run_id}")


class NodeNotFound(DomainError):
    """The run has no such node."""

    slug = "node-not-found"
    title = "Node not found"
    status = 404

    def __init__(self, graph_name: str, run_id: str, node_id: str) -> None:
        self.graph_name = graph_name
        self.run_id = run_id
        self.node_id = node_id
        super().__init__(f"Node not found in run {graph_name}/{run_id}: {node_id}")


class GraphUnreadable(DomainError):
    """The drawing of the run's graph is not DOT."""

    slug = "graph-unreadable"
    title = "Graph unreadable"
    status = 404

    def __init__(self, graph_name: str, run_id: str, reason: str) -> None:
        self.graph_name = graph_name
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"The graph of run {graph_name}/{run_id} cannot be read: {reason}")


class RunHasNoSignals(DomainError):
    """The run is not built, so there are no signals of it to compare."""

    slug = "run-has-no-signals"
    title = "Run has no signals"
    status = 409

    def __init__(self, run_key: str, state: str) -> None:
        self.run_key = run_key
        self.state = state
        super().__init__(f"{run_key} is {state} and has no signals to compare", "run `compass build`")


class GraphsDiffer(DomainError):
    """Signals of different graphs have nothing in common."""

    slug = "graphs-differ"
    title = "Graphs differ"
    status = 400

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after
        super().__init__(f"{before} and {after} are runs of different graphs", "name two runs of one graph")
