"""DOT as Graphviz reads it, and as vis-network gets it."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.runs.dot import MAX_DEPTH, Graph, parse_dot
from backend.runs.dot_tokens import KEYWORDS, DotError
from backend.runs.network import network


def edges(graph: Graph) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in graph.edges]


def test_the_graph_of_the_contract() -> None:
    text = """digraph g {
      rankdir=LR;
      "m__fac__agg" [shape="box", fillcolor="#FFFFFF", color="#444444", label="m
fac
agg"];
      "m__fac__agg" -> "m__fac__month" [color="#565EAA", style="dashed", xlabel="trends_to"];
    }"""
    drawn = network(parse_dot(text))
    assert drawn["nodes"][0] == {
        "id": "m__fac__agg",
        "label": "m\nfac\nagg",
        "title": "m__fac__agg",
        "shape": "box",
        "color": {"background": "#FFFFFF", "border": "#444444"},
    }
    assert drawn["edges"] == [
        {
            "from": "m__fac__agg",
            "to": "m__fac__month",
            "label": "trends_to",
            "dashes": True,
            "color": {"color": "#565EAA"},
        }
    ]


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("abc", ["abc"]),
        ("_a1; ünï", ["_a1", "ünï"]),
        ("-1.5 .5 3.", ["-1.5", ".5", "3."]),
        ('"a b"', ["a b"]),
        (r'"say \"hi\""', ['say "hi"']),
        (r'"back\\slash"', [r"back\\slash"]),
        (r'"\\"; b', [r"\\", "b"]),
        ('"two \\\nlines"', ["two lines"]),
        ('"one" + "two" + "3"', ["onetwo3"]),
        ('"a;b}c]d"', ["a;b}c]d"]),
        ('"// no comment" "/* nor */" "# this"', ["// no comment", "/* nor */", "# this"]),
        ("<<b>x</b> &lt; y>", ["<b>x</b> &lt; y"]),
        ("<a <!-- > --> b>", ["a <!-- > --> b"]),
        ('"node" "graph"', ["node", "graph"]),
        ("a:n:sw", ["a"]),
        ('"a:b":"p 1"', ["a:b"]),
        ("a // rest\nb /* a\nb */ c\n# preprocessor\nd", ["a", "b", "c", "d"]),
        ("subgraph cluster_x { a b } c", ["a", "b", "c"]),
        ("subgraph { a } { b }", ["a", "b"]),
    ],
)
def test_names(statement: str, names: list[str]) -> None:
    assert list(parse_dot(f"digraph {{ {statement} }}").nodes) == names


@pytest.mark.parametrize(
    ("statement", "pairs"),
    [
        ("a->b", [("a", "b")]),
        ("a->b->c", [("a", "b"), ("b", "c")]),
        ("a:out -> b:in:n", [("a", "b")]),
        ("a -> {b c} -> d", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]),
        ("subgraph s {a b} -> c", [("a", "c"), ("b", "c")]),
        ("{a -> b} -> c", [("a", "b"), ("a", "c"), ("b", "c")]),
        ("a -> {b {c}}", [("a", "b"), ("a", "c")]),
        ("a->a a->a", [("a", "a"), ("a", "a")]),
        ("1->-1", [("1", "-1")]),
    ],
)
def test_edges(statement: str, pairs: list[tuple[str, str]]) -> None:
    assert edges(parse_dot(f"digraph {{ {statement} }}")) == pairs


def test_an_undirected_graph_keeps_the_order_written() -> None:
    graph = parse_dot("GRAPH g { b -- a -- -1 }")
    assert (graph.directed, edges(graph)) == (False, [("b", "a"), ("a", "-1")])


def test_a_strict_graph_has_an_edge_once_with_all_attributes() -> None:
    graph = parse_dot("strict digraph { a->b [x=1]; a->b [y=2]; b->a }")
    assert [(edge.source, edge.target, edge.attributes) for edge in graph.edges] == [
        ("a", "b", {"x": "1", "y": "2"}),
        ("b", "a", {}),
    ]
    assert edges(parse_dot("strict graph { a--b b--a }")) == [("a", "b")]


@pytest.mark.parametrize(
    "attributes",
    [
        '[label="x] [y", shape=box]',
        '[label="x] [y"; shape=box]',
        '[label="x] [y" shape=box]',
        '[label="x] [y"] [shape=box]',
        '["label"="x] [y",shape="box",]',
    ],
)
def test_attribute_lists(attributes: str) -> None:
    assert parse_dot(f"digraph {{ a {attributes} }}").nodes == {"a": {"label": "x] [y", "shape": "box"}}


def test_empty_attribute_lists() -> None:
    assert parse_dot("digraph { node [] a [] a -> b [] }").nodes == {"a": {}, "b": {}}


def test_defaults_hold_from_where_they_stand_and_inside_their_braces() -> None:
    graph = parse_dot(
        """digraph {
            early
            node [shape=box color=red] edge [color=grey]
            plain own [shape=oval]
            subgraph { node [shape=star] edge [style=dashed] inner -> plain }
            after -> plain [color=blue]
            graph [color=pink] bgcolor=white
        }"""
    )
    assert graph.nodes == {
        "early": {},
        "plain": {"shape": "box", "color": "red"},
        "own": {"shape": "oval", "color": "red"},
        "inner": {"shape": "star", "color": "red"},
        "after": {"shape": "box", "color": "red"},
    }
    assert [edge.attributes for edge in graph.edges] == [
        {"color": "grey", "style": "dashed"},
        {"color": "blue"},
    ]


def test_the_first_definition_wins_also_over_an_edge_before_it() -> None:
    graph = parse_dot("digraph { b -> a; a [label=one]; a [label=two, shape=oval] }")
    assert graph.nodes["a"] == {"label": "one", "shape": "oval"}
    assert list(graph.nodes) == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "expected graph or digraph, found the end"),
        ("not dot", 1, "expected graph or digraph, found 'not'"),
        ("digraph {", 1, "expected a name, found the end"),
        ("digraph {} }", 1, "expected the end, found '}'"),
        ("digraph {\n a -- b }", 2, "expected -> between the nodes of this graph, found '--'"),
        ("digraph {\n\n a -> }", 3, "expected a name, found '}'"),
        ("digraph { a [label] }", 1, "expected =, found ']'"),
        ("digraph { a [label=x }", 1, "expected a name, found '}'"),
        ("digraph { node }", 1, "expected [, found '}'"),
        ('digraph {\n "open }', 2, "a quoted string does not end"),
        ("digraph { /* open }", 1, "a comment does not end"),
        ("digraph { <b }", 1, "an HTML string does not end"),
        ("digraph { a & b }", 1, "unexpected '&'"),
        ('digraph { "a" + b+ }', 1, "expected a string, found '}'"),
    ],
)
def test_what_is_not_dot_is_refused(text: str, line: int, reason: str) -> None:
    with pytest.raises(DotError) as caught:
        parse_dot(text)
    assert (caught.value.line, caught.value.reason) == (line, reason)


def test_braces_and_edges_have_a_limit() -> None:
    with pytest.raises(DotError, match="levels of braces"):
        parse_dot("digraph " + "{" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1))
    names = " ".join(f"n{number}" for number in range(500))
    with pytest.raises(DotError, match="edges"):
        parse_dot(f"digraph {{ {{{names}}} -> {{{names}}} }}")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('"plain"', "plain"),
        (r'"one\ntwo\lthree\r"', "one\ntwo\nthree"),
        (r'"\N of \G"', "a of g"),
        (r'"back\\slash"', r"back\slash"),
        ("<<b>bold</b><br/>next &amp; last>", "bold\nnext & last"),
        ('""', "a"),
    ],
)
def test_labels_are_shown_as_graphviz_shows_them(written: str, shown: str) -> None:
    assert network(parse_dot(f"digraph g {{ a [label={written}] }}"))["nodes"][0]["label"] == shown


def test_a_node_without_attributes() -> None:
    assert network(parse_dot("digraph { a }"))["nodes"] == [
        {"id": "a", "label": "a", "title": "a", "shape": "box", "color": None}
    ]


def test_a_filled_node_has_a_border() -> None:
    drawn = network(
        parse_dot('digraph { a [fillcolor=white] b [color=red] c [fillcolor="#111", color=red] }')
    )
    assert [node["color"] for node in drawn["nodes"]] == [
        {"background": "white", "border": "#696969"},
        None,
        {"background": "#111", "border": "red"},
    ]


@pytest.mark.parametrize(
    ("attributes", "label", "dashes", "color"),
    [
        ("", None, False, None),
        ("[xlabel=trends_to]", "trends_to", True, "#565EAA"),
        ("[xlabel=segments_into]", "segments_into", False, "#38A169"),
        ("[xlabel=potentially_driven_by]", "potentially_driven_by", False, "#DD6B20"),
        ("[xlabel=segments_into, color=red]", "segments_into", False, "red"),
        ("[xlabel=other]", "other", False, None),
        ('[style="bold, dashed"]', None, True, None),
        ("[style=dotted]", None, False, None),
        (r'[xlabel="\T to \H"]', "a to b", False, None),
    ],
)
def test_edges_as_drawn(attributes: str, label: str | None, dashes: bool, color: str | None) -> None:
    expected: dict[str, Any] = {"from": "a", "to": "b", "label": label, "dashes": dashes}
    expected["color"] = None if color is None else {"color": color}
    assert network(parse_dot(f"digraph {{ a -> b {attributes} }}"))["edges"] == [expected]


_NAMES = st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), max_size=8)
_GAPS = st.sampled_from([" ", "\n", "\t", " // c }\n", "/* ] */", "\n# ;\n"])


@st.composite
def _written(draw: st.DrawFn, name: str) -> str:
    """``name`` in one of the ways to write it."""
    plain = name and name.isascii() and not (set(name) - set(string.ascii_letters + string.digits + "_"))
    if plain and not name[0].isdigit() and name.lower() not in KEYWORDS and draw(st.booleans()):
        return name
    cut = draw(st.integers(0, len(name)))
    parts = [name[:cut], name[cut:]] if draw(st.booleans()) else [name]
    return " + ".join('"' + part.replace('"', '\\"') + '"' for part in parts)


@given(st.data())
def test_what_is_written_is_read(data: st.DataObject) -> None:
    nodes = data.draw(st.dictionaries(_NAMES, st.dictionaries(_NAMES, _NAMES, max_size=3), min_size=1))
    ends = st.sampled_from(list(nodes))
    pairs = data.draw(st.lists(st.tuples(ends, ends, st.dictionaries(_NAMES, _NAMES, max_size=2))))

    def write(name: str) -> str:
        return data.draw(_written(name)) + data.draw(_GAPS)

    def listed(attributes: dict[str, str]) -> str:
        separator = data.draw(st.sampled_from([",", ";", " "]))
        return "[" + separator.join(f"{write(k)}={write(v)}" for k, v in attributes.items()) + "]"

    statements = [f"{write(name)}{listed(attributes)}" for name, attributes in nodes.items()]
    statements += [f"{write(a)}->{write(b)}{listed(attributes)}" for a, b, attributes in pairs]
    graph = parse_dot("digraph" + data.draw(_GAPS) + "{" + ";\n".join(statements) + "}")
    assert graph.nodes == nodes
    assert [(edge.source, edge.target, edge.attributes) for edge in graph.edges] == pairs


@given(st.text(st.sampled_from('digraph{}[]<>"\\=;,:->+ \n#/*ab1.'), max_size=60))
def test_any_text_is_a_graph_or_refused(text: str) -> None:
    lines = text.count("\n") + 1
    try:
        graph = parse_dot(text)
    except DotError as refused:
        line, named, ends = refused.line, set(), set()
    else:
        line, named, ends = 1, set(graph.nodes), {end for edge in edges(graph) for end in edge}
    assert 1 <= line <= lines
    assert ends <= named
