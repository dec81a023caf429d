"""Every package is a front door: what it offers is listed, sorted, there, and documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import extremeearth

HEAVY = (
    "torch",
    "onnx",
    "onnxruntime",
    "sklearn",
    "aquacrop",
    "matplotlib",
    "pyspark",
    "tensorflow",
)
ROOT = Path(extremeearth.__file__).parent
SKIPPED = ("app/migrations", "__main__.py")


def module_names(pattern: str = "*.py") -> list[str]:
    """Names of all modules, found without importing them."""
    files = sorted(ROOT.rglob(pattern))
    places = [file.relative_to(ROOT) for file in files if "__pycache__" not in file.parts]
    return [
        ".".join(("extremeearth", *place.with_suffix("").parts)).removesuffix(".__init__")
        for place in places
        if not place.as_posix().startswith(SKIPPED)
    ]


def public_parts(module: ModuleType) -> list[tuple[str, object]]:
    """Functions and classes that a module offers, and the public methods of these classes."""
    parts: list[tuple[str, object]] = []
    for name in getattr(module, "__all__", ()):
        part = getattr(module, name)
        if not (inspect.isclass(part) or inspect.isfunction(part)):
            continue
        if getattr(part, "__module__", None) != module.__name__:
            continue
        parts.append((name, part))
        if inspect.isclass(part):
            parts += [
                (f"{name}.{method}", inner)
                for method, inner in vars(part).items()
                if not method.startswith("_")
                and (inspect.isfunction(inner) or isinstance(inner, property))
            ]
    return parts


def reading_order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by name; what ruff calls an isort-style sort."""
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


@pytest.mark.parametrize("name", module_names("__init__.py"))
def test_a_package_lists_what_it_offers(name: str) -> None:
    package = importlib.import_module(name)
    if name == "extremeearth":
        return
    offered = getattr(package, "__all__", ())
    inside = [
        part for part, it in vars(package).items() if part[0] != "_" and not inspect.ismodule(it)
    ]
    assert offered or set(inside) <= {"annotations"}, f"{name} has names but no __all__"
    assert len(set(offered)) == len(offered)
    assert list(offered) in (sorted(offered), sorted(offered, key=reading_order))
    assert [part for part in offered if not hasattr(package, part)] == []


@pytest.mark.parametrize("name", module_names())
def test_what_is_public_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} does not say what it holds"
    assert [part for part in getattr(module, "__all__", ()) if not hasattr(module, part)] == []
    undocumented = [
        part for part, it in public_parts(module) if not (inspect.getdoc(it) or "").strip()
    ]
    assert undocumented == []


def test_importing_the_rooms_brings_no_heavy_part_in() -> None:
    """One process imports everything public; optional parts stay out until a function needs them."""
    public = [name for name in module_names() if "._" not in name]
    code = (
        "import importlib, sys\n"
        f"for name in {public!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout.strip() == "[]"
