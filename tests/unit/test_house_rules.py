"""Rules of the house that no linter knows, each a walk over the syntax trees; the docstring says why."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("backend", "contracts", "transforms")


class Module:
    """A module's text, and its syntax tree, walked once."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.tree = ast.parse(text)
        self.nodes = list(ast.walk(self.tree))


Modules = dict[str, Module]


@pytest.fixture(scope="module")
def modules(repository: Path) -> Modules:
    """Every module of the product by its path."""
    return {
        path.relative_to(repository).as_posix(): Module(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((repository / package).rglob("*.py"))
    }


# --- HTTP ---------------------------------------------------------------------------------------

FRAMEWORKS = ("fastapi", "starlette", "uvicorn")
# The wiring of the application, and what stands between it and the handlers.
KNOWS_HTTP = re.compile(
    r"backend/(main|compression|dependencies|health|middleware|problems|responses|telemetry|tracing)\.py"
    r"|backend/\w+/(\w+_)?router\.py"
    r"|backend/\w+/(authenticator|dependencies|middleware)\.py"
    r"|backend/caching/(at_once|express)\.py"  # middleware of its own
    r"|backend/signals/export\.py"  # a response that is sent while it is read
    r"|backend/workflow/conditions\.py"  # the header If-Match
    r"|transforms/serving\.py"  # starts the server
)


def test_only_routers_and_wiring_know_http(modules: Modules) -> None:
    """Statements and domain rules are used by commands and tests too, where there is no request."""
    knowing = {
        path
        for path, module in modules.items()
        for name in _imported(module)
        if name.split(".")[0] in FRAMEWORKS
    }
    assert sorted(path for path in knowing if not KNOWS_HTTP.fullmatch(path)) == []
    assert len(knowing) > 20, "the search finds nothing"


def test_nobody_raises_http_exceptions(modules: Modules) -> None:
    """Errors carry facts; one handler makes problem details of them, so that all answers look alike."""
    naming = {
        path
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.Name) and node.id == "HTTPException"
    }
    assert naming == {"backend/problems.py"}, "the one handler of what the framework itself raises"


# --- SQL ----------------------------------------------------------------------------------------

STATEMENT = re.compile(
    r"\s*(select|insert into|update|delete from|create|drop|alter|with|truncate|copy|explain|analyze)\s"
)
QUOTING = {"quote_identifier", "qualified"}
# Expressions in the text of statements that are neither quoted names nor constants of the module:
# what they are, and why no value from outside gets there.
EXPLAINED = {
    "backend/db/migrations/": "names stand in the migration itself",
    "backend/services/hydration_sql.py": "called while the module is imported, with names from itself",
    "backend/services/run_diff.py": "called while the module is imported, with names from itself",
    "contracts/ddl.py": "types and checks of the table declarations",
    "transforms/engines/": "SQL of the compiled models and tests, and columns as the database lists them",
    "transforms/transpile/": "SQL of the compiled models and tests, explained on empty tables",
    "transforms/preview.py": "names of models",
}


def test_values_are_never_formatted_into_sql(modules: Modules) -> None:
    """A value in the text of a statement is a way in for whoever chose it; names are quoted, values bound.

    Followed are names within a function: whatever is built from constants and quoted names may be part
    of a statement. Statements made at import hold no value of a request at all.
    """
    found = {
        f"{path}:{line}: {expression}"
        for path, module in modules.items()
        if not path.startswith(tuple(EXPLAINED))
        for line, expression in _formatted_sql(module)
    }
    assert found == set()


def test_every_explanation_is_still_needed(modules: Modules) -> None:
    """An exception that nothing needs hides the next mistake."""
    needed = {
        prefix
        for prefix in EXPLAINED
        for path, module in modules.items()
        if path.startswith(prefix) and any(_formatted_sql(module))
    }
    assert needed == EXPLAINED.keys()


@pytest.mark.parametrize(
    ("body", "safe"),
    [
        ("run(f'select {x}')", False),
        ("run('select ' + x)", False),
        ("run(f'select {COLUMNS} from ' + COLUMNS + x)", False),
        ("run('select %s' % x)", False),
        ("run('select {}'.format(x))", False),
        ("y = x.strip()\n    run(f'delete from t where a = {y}')", False),
        ("y = quote_identifier(x)\n    run(f'delete from {y} where a = $1', x)", True),
        ("y = ', '.join(quote_identifier(each) for each in x)\n    run(f'select {y} from t')", True),
        ("run(f'select {qualified(x, x)}')", True),
        ("run(f'select {COLUMNS} from t')", True),
        ("say(f'{x} was selected')", True),
    ],
)
def test_the_search_for_sql_finds_what_it_is_for(body: str, safe: bool) -> None:
    source = f"COLUMNS = 'a, b'\ndef f(x):\n    {body}\n"
    assert (list(_formatted_sql(Module(source))) == []) is safe


def _formatted_sql(module: Module) -> Iterator[tuple[int, str]]:
    """Expressions in the text of statements, within functions, that may be values."""
    constants = {
        target.id
        for node in module.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    } | {
        alias.asname or alias.name
        for node in module.tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.isupper()
    }
    for function in module.nodes:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        known = _Names(function, constants)
        for node in ast.walk(function):
            for part in _parts(node):
                if not known.fixed(part):
                    yield node.lineno, ast.unparse(part)  # type: ignore[attr-defined]


def _parts(node: ast.AST) -> list[ast.expr]:
    """What is put into the text of a statement, if ``node`` makes one."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if STATEMENT.match(text):
            return [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        case ast.BinOp(op=ast.Add() | ast.Mod()) if STATEMENT.match(_beginning(node)):
            return [node.right]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return list(node.args) if STATEMENT.match(text) else []
    return []


def _beginning(node: ast.expr) -> str:
    """The text that a sum of texts begins with."""
    match node:
        case ast.BinOp(left=left):
            return _beginning(left)
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
    return ""


class _Names:
    """What a function's names hold: text that the code itself fixes, or perhaps a value."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef, constants: set[str]) -> None:
        self._constants = constants
        self._assigned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._assigned.setdefault(target.id, []).append(node.value)

    def fixed(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        """Whether ``node`` is made of constants and quoted names only."""
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                if name in self._constants:
                    return True
                sources = self._assigned.get(name, [])
                return (
                    name not in seen
                    and bool(sources)
                    and all(self.fixed(source, seen | {name}) for source in sources)
                )
            case ast.Call(func=ast.Name(id=name)):
                return name in QUOTING
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[argument]):
                return self.fixed(argument, seen)
            case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
                return self.fixed(element, seen)
            case ast.Subscript(value=value) | ast.Starred(value=value):
                return self.fixed(value, seen)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return all(self.fixed(element, seen) for element in elements)
            case ast.IfExp(body=body, orelse=orelse):
                return self.fixed(body, seen) and self.fixed(orelse, seen)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.fixed(left, seen) and self.fixed(right, seen)
            case ast.JoinedStr(values=values):
                return all(
                    self.fixed(part.value, seen) for part in values if isinstance(part, ast.FormattedValue)
                )
        return False


# --- Errors, times, size ------------------------------------------------------------------------


def test_who_catches_everything_does_something_about_it(modules: Modules) -> None:
    """An error that nobody foresaw and nobody hears of is a wrong answer later.

    Whoever catches all must raise again, or use what was caught.
    """
    silent = [
        f"{path}:{handler.lineno}"
        for path, module in modules.items()
        for handler in module.nodes
        if isinstance(handler, ast.ExceptHandler) and _catches_all(handler)
        if not any(
            isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name)
            for statement in handler.body
            for node in ast.walk(statement)
        )
    ]
    # It logs the exception with its traceback, which takes no name, and raises once an answer has begun.
    assert [place for place in silent if not place.startswith("backend/middleware.py:")] == []
    suppressed = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
        if {"Exception", "BaseException"} & {ast.unparse(argument) for argument in node.args}
    ]
    assert suppressed == []


def _catches_all(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(each is None or ast.unparse(each) in ("Exception", "BaseException") for each in caught)


def test_durations_are_measured_by_a_clock_that_does_not_jump(modules: Modules) -> None:
    """The time of day is set back and forth by people and servers; `perf_counter` and `monotonic` are not."""
    jumping = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
        if any(
            isinstance(side, ast.Call) and ast.unparse(side.func) in ("time.time", "datetime.now")
            for side in (node.left, node.right)
        )
    ]
    assert jumping == []


def test_times_have_a_zone(modules: Modules) -> None:
    """A time without a zone means another moment on another machine."""
    naive = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.Call)
        and (
            ast.unparse(node.func).endswith(("datetime.utcnow", "datetime.utcfromtimestamp"))
            or (ast.unparse(node.func).endswith("datetime.now") and not node.args and not node.keywords)
        )
    ]
    assert naive == []


def test_modules_say_what_lives_there(modules: Modules) -> None:
    """Whoever looks for something reads first lines: no two may say the same, none may say nothing."""
    said: dict[str, list[str]] = {}
    for path, module in modules.items():
        first = (ast.get_docstring(module.tree) or "").split("\n")[0]
        assert len(first) > 15 or path.endswith("__main__.py"), f"{path} says nothing of itself"
        said.setdefault(first, []).append(path)
    assert [paths for paths in said.values() if len(paths) > 1] == []


def test_modules_stay_short(modules: Modules) -> None:
    """What does not fit on a few screens is several things; 300 lines are the aim, 400 the end."""
    lengths = {path: len(module.lines) for path, module in modules.items()}
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}


def test_silenced_findings_are_named(modules: Modules) -> None:
    """A bare `noqa` or `type: ignore` also silences what nobody has seen yet."""
    blanket = [
        f"{path}:{number}"
        for path, module in modules.items()
        for number, line in enumerate(module.lines, 1)
        if re.search(r"# noqa(?!: [A-Z]+\d)|# type: ignore(?!\[)", line)
    ]
    assert blanket == []


def test_nothing_is_left_to_do(modules: Modules) -> None:
    """A note to oneself is read by nobody; work to do is an issue, a stub is not a product."""
    notes = [
        f"{path}:{number}"
        for path, module in modules.items()
        for number, line in enumerate(module.lines, 1)
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", line)
    ]
    stubs = [
        f"{path}:{node.lineno}"
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc)
    ]
    assert notes + stubs == []


def _imported(module: Module) -> Iterator[str]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
