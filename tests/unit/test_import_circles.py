"""No module waits for one that waits for it, be it for its types alone."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import extremeearth

PACKAGE = Path(extremeearth.__file__).parent


def imported(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules that a module imports when it is loaded or when its types are checked, not inside functions."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part if part in known else node.module for part in parts}
        waiting += ast.iter_child_nodes(node)
    return found & known


def circle(root: Path, name: str) -> list[str]:
    """Modules of one circle, nothing where there is none."""
    files = {
        ".".join((name, *file.relative_to(root).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in root.rglob("*.py")
    }  # fmt: skip
    known = set(files)
    graph = {
        module: imported(ast.parse(file.read_text("utf-8")), known) - {module}
        for module, file in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as err:
        return list(err.args[1])
    return []


def test_no_module_waits_for_one_that_waits_for_it() -> None:
    assert circle(PACKAGE, "extremeearth") == []


@pytest.mark.parametrize(
    ("back", "found"),
    [
        ("from p.one import A", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import one", True),
        ("def later():\n    from p.one import A", False),
    ],
)
def test_circles_are_found(tmp_path: Path, back: str, found: bool) -> None:
    for name, text in {"__init__": "", "one": "import p.two\nA = 1", "two": back}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert bool(circle(tmp_path, "p")) == found
