"""The built page in the package is what ``ui/`` builds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
UI = ROOT / "ui"
BUILT = ROOT / "src" / "extremeearth" / "product" / "web" / "static"
NO_SOURCE = {"node_modules", "generated", "scripts", ".gitignore"}
"""As in ``ui/build/manifest.ts``."""
HINT = "run `make ui` and commit src/extremeearth/product/web/static"
NO_REGISTRY = (
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "ENETUNREACH",
    "ENOTCACHED",
)
BUILD_TIME_S = 280


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict[str, str]]:
    return json.loads((BUILT / "build.json").read_text(encoding="utf-8"))


def _digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if (
            path.is_file()
            and not NO_SOURCE.intersection(parts)
            and not path.name.endswith(".test.ts")
        ):
            found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture(autouse=True)
def _sources_are_here() -> None:
    if not UI.is_dir():
        pytest.skip("no ui/ here: this is an installed package, not a clone")


def test_the_page_was_built_from_these_sources(manifest: dict[str, dict[str, str]]) -> None:
    assert _digests(UI) == manifest["sources"], HINT


def test_the_built_files_are_those_of_the_build(manifest: dict[str, dict[str, str]]) -> None:
    files = {
        path.relative_to(BUILT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in BUILT.rglob("*")
        if path.is_file() and path.name != "build.json"
    }
    assert files == manifest["files"], HINT


def test_versions_are_exact_and_no_registry_is_named() -> None:
    package = json.loads((UI / "package.json").read_text(encoding="utf-8"))
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} is not pinned"
    lock = json.loads((UI / "package-lock.json").read_text(encoding="utf-8"))
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry, f"{name} names where it was fetched"
        assert not name or "integrity" in entry, f"{name} has no checksum"


def test_components_stay_small() -> None:
    for path in (UI / "src").rglob("*.svelte"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 200, f"{path.name} has {lines} lines"


def test_map_logic_knows_nothing_of_svelte() -> None:
    for folder in ("api", "charts", "form", "jobs", "map"):
        for path in (UI / "src" / folder).rglob("*.ts"):
            assert "svelte" not in path.read_text(encoding="utf-8"), f"{path} knows Svelte"


def _npm(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    npm = shutil.which("npm")
    assert npm is not None
    return subprocess.run(
        [npm, *arguments],
        cwd=folder,
        env=os.environ | {"CI": "true", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=BUILD_TIME_S,
        check=False,
    )


def _node_version() -> tuple[int, ...]:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("no Node here: the checksums of the sources were compared instead")
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("ui-build")
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    version = _node_version()
    if not ((20, 19) <= version < (21,) or version >= (22, 12)):
        pytest.skip(
            f"Node {version[0]}.{version[1]} is too old for the build: it takes 20.19 or 22.12"
        )
    folder, out = tmp_path / "ui", tmp_path / "out"
    shutil.copytree(UI, folder, ignore=shutil.ignore_patterns("node_modules", "generated"))
    installed = _npm("ci", "--prefer-offline", "--no-audit", "--no-fund", folder=folder)
    if installed.returncode and any(word in installed.stderr for word in NO_REGISTRY):
        pytest.skip("the packages of ui/ cannot be fetched here")
    assert installed.returncode == 0, installed.stderr
    for script in ("check", "test"):
        done = _npm("run", script, folder=folder)
        assert done.returncode == 0, done.stdout + done.stderr
    done = _npm("run", "build", folder=folder, EXTREMEEARTH_UI_OUT=str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert names == sorted(
        p.relative_to(BUILT).as_posix() for p in BUILT.rglob("*") if p.is_file()
    ), HINT
    for name in names:
        assert (out / name).read_bytes() == (BUILT / name).read_bytes(), f"{name} differs: {HINT}"
