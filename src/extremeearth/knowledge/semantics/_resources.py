"""Texts that come with the package."""

from __future__ import annotations

from importlib.resources import files


def read_resource(name: str) -> str:
    """Give the text of a resource of this room."""
    return files(__package__).joinpath("resources", name).read_text(encoding="utf-8")


def list_queries() -> tuple[str, ...]:
    """Give the names of the queries that come with the package."""
    folder = files(__package__).joinpath("resources", "queries")
    return tuple(
        sorted(p.name.removesuffix(".rq") for p in folder.iterdir() if p.name.endswith(".rq"))
    )
