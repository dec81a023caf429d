"""What the documentation shows exists: imports resolve, code parses, commands and options are there."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from extremeearth.app.command_line.main import gather

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"])
BLOCK = re.compile(r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(
            match["code"],
            id=f"{page.relative_to(ROOT)}:{page.read_text()[: match.start()].count(chr(10)) + 2}",
        )
        for page in PAGES
        for match in BLOCK.finditer(page.read_text())
        if match["language"] == language
    ]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_parses_and_its_imports_resolve(code: str) -> None:
    tree = ast.parse(code)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(body=imports, type_ignores=[]), "<docs>", "exec"), {})


def commands() -> list[Any]:
    found = []
    for page in PAGES:
        text = page.read_text()
        lines = [line for match in BLOCK.finditer(text) if match["language"] in {"", "bash", "sh", "console"}
                 for line in match["code"].replace("\\\n", " ").splitlines()]  # fmt: skip
        lines += re.findall(r"`(extremeearth [^`]+)`", text)
        found += [
            pytest.param(
                line.strip().removeprefix("$ "), id=f"{page.relative_to(ROOT)}: {line.strip()[:60]}"
            )
            for line in lines
            if re.match(r"(\$ )?(\.venv/bin/)?extremeearth [a-z-]", line.strip())
        ]
    told = re.findall(r"'(extremeearth [^']+)'", (ROOT / "ui" / "src" / "messages.ts").read_text())
    return found + [pytest.param(line, id=f"page: {line[:60]}") for line in told]


@pytest.fixture(scope="module")
def program() -> Any:
    """Make the whole command line, once: this takes a fifth of a second."""
    return get_command(gather())


@pytest.mark.parametrize("line", commands())
def test_commands_and_their_options_exist(program: Any, line: str) -> None:
    words = shlex.split(line.replace("...", " "), comments=True)[1:]
    command = program
    while words and hasattr(command, "commands"):
        if words[0].isupper() or "|" in words[0]:
            return  # a place-holder, or several commands named at once
        assert words[0] in command.commands, f"there is no command '{words[0]}'"
        command = command.commands[words.pop(0)]
    known = {
        option for parameter in command.params for option in getattr(parameter, "opts", [])
    } | {"--help"}
    used = {
        word.split("=", 1)[0].strip("[]") for word in words if re.match(r"\[?--?[a-zA-Z]", word)
    }
    assert used <= known, f"no such option: {', '.join(sorted(used - known))}"
