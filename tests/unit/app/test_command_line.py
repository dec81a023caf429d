"""The command line: help, exit codes, errors as one sentence."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.core.errors import DataMissingError


@pytest.fixture(scope="module")
def application():
    return gather()


def commands(command: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", None)
    if children is None:
        return [path]
    return [p for name, child in children.items() for p in commands(child, (*path, name))]


def test_commands_are_added_once() -> None:
    names = [added.name or added.callback.__name__ for added in gather().registered_commands]
    groups = [added.name for added in gather().registered_groups]
    assert len(names + groups) == len({*names, *groups})


def test_every_command_has_help_with_an_example(application) -> None:
    root = get_command(application)
    for path in commands(root):
        command = root
        for name in path:
            command = command.commands[name]
        if command.hidden:
            continue
        assert command.help, path
        epilog = command.epilog or ""
        assert epilog.startswith("Example"), path
        assert "`extremeearth" in epilog, path


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["serve", "--port", "abc"], ["project", "create", "x"]]
)
def test_wrong_usage_ends_with_two(application, arguments: list[str]) -> None:
    assert CliRunner().invoke(application, arguments).exit_code == 2


def test_an_error_is_one_sentence_a_hint_and_exit_code_one(application, tmp_path: Path) -> None:
    result = CliRunner().invoke(application, ["graph", "query", str(tmp_path / "none"), "ASK {}"])
    assert result.exit_code == 1
    assert "There is no graph store in" in result.stderr
    assert "Traceback" not in result.output


def test_debug_shows_where(application, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        application, ["--debug", "graph", "query", str(tmp_path / "none"), "ASK {}"]
    )
    assert isinstance(result.exception, DataMissingError)


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (KeyboardInterrupt(), "Stopped.", 130),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "Free some space", 1),
        (OSError(errno.EACCES, "Permission denied", "/data/x"), "your rights", 1),
        (RuntimeError("surprise"), "--debug", 1),
    ],
)
def test_what_goes_wrong_inside_ends_with_one(
    application, monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str, code: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("extremeearth.app.command_line.accounts.open_platform", fail)
    result = CliRunner().invoke(application, ["user", "create", "ada"])
    assert result.exit_code == code
    assert words in result.stderr


def test_users_projects_and_keys(application, tmp_path: Path) -> None:
    runner, home = CliRunner(), ["--home", str(tmp_path)]
    assert runner.invoke(application, ["user", "create", "ada", *home]).exit_code == 0
    assert (
        runner.invoke(
            application, ["project", "create", "baltic", "--owner", "ada", *home]
        ).exit_code
        == 0
    )
    made = runner.invoke(
        application,
        [
            "key",
            "create",
            "--user",
            "ada",
            "--project",
            "baltic",
            "--scope",
            "job:run",
            "--json",
            *home,
        ],
    )
    key = json.loads(made.stdout)
    listed = runner.invoke(application, ["key", "list", "--project", "baltic", "--json", *home])
    assert [row["prefix"] for row in json.loads(listed.stdout)] == [key["prefix"]]
    assert key["token"].split(".", 1)[1] not in listed.stdout
    assert runner.invoke(application, ["key", "revoke", key["prefix"], *home]).exit_code == 0
    after = json.loads(
        runner.invoke(application, ["key", "list", "--project", "baltic", "--json", *home]).stdout
    )
    assert after[0]["revoked"]


def test_accounts_answer_machines_too(application, tmp_path: Path) -> None:
    def asked(*words: str) -> dict[str, object]:
        home = ["--home", str(tmp_path), "--json"]
        result = CliRunner().invoke(application, [*words, *home])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    user, project = (
        asked("user", "create", "ada"),
        asked("project", "create", "p", "--owner", "ada"),
    )
    assert user["name"] == "ada"
    assert project["name"] == "p"
    assert user["id"] != project["id"]
    key = asked("key", "create", "--user", "ada", "--project", "p")
    assert asked("key", "revoke", str(key["prefix"])) == {"prefix": key["prefix"], "revoked": True}


def test_an_unknown_scope_names_the_known_ones(application, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        application,
        [
            "key",
            "create",
            "--user",
            "a",
            "--project",
            "b",
            "--scope",
            "all",
            "--home",
            str(tmp_path),
        ],
    )
    assert result.exit_code == 1
    assert "job:run" in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("EXTREMEEARTH_PORT", "abc", "valid integer"),
        ("EXTREMEEARTH_PORT", "70000", "less than or equal"),
        ("EXTREMEEARTH_ALLOW_HOSTS", "swordfish", "not JSON"),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(
    application, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(application, ["settings"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {name}: ")
    assert words in result.stderr
    assert value not in result.stderr
    assert isinstance(result.exception, SystemExit)


def test_settings_hide_secrets(application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTREMEEARTH_S3_SECRET_KEY", "swordfish")
    result = CliRunner().invoke(application, ["settings", "--json"])
    assert "swordfish" not in result.output
    assert json.loads(result.stdout)["s3_secret_key"] == {
        "variable": "EXTREMEEARTH_S3_SECRET_KEY",
        "value": "(set)",
        "set": True,
        "help": "Secret key of the S3 store.",
    }


def test_a_graph_is_loaded_asked_and_changed(application, tmp_path: Path) -> None:
    runner, store, file = CliRunner(), str(tmp_path / "store"), tmp_path / "a.nt"
    file.write_text(
        '<http://e.org/a> <http://e.org/p> "1" .\n<http://e.org/b> <http://e.org/p> "2" .\n'
    )
    assert runner.invoke(application, ["graph", "load", store, str(file)]).exit_code == 0
    counting = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
    assert runner.invoke(application, ["graph", "query", store, counting]).stdout.split() == [
        "n",
        "2",
    ]
    change = tmp_path / "change.ru"
    change.write_text("DELETE WHERE { <http://e.org/a> ?p ?o }")
    assert runner.invoke(application, ["graph", "update", store, f"@{change}"]).exit_code == 0
    assert runner.invoke(application, ["graph", "query", store, counting]).stdout.split() == [
        "n",
        "1",
    ]
    assert (
        runner.invoke(
            application, ["graph", "query", store, "ASK { <http://e.org/b> ?p ?o }"]
        ).stdout
        == "true\n"
    )
