"""The routes of the application, with the scope that each asks for: for the docs and for the tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from extremeearth.core.security import Scope

__all__ = ["Route", "route_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path."""

    method: str
    path: str
    scope: Scope | None
    summary: str


def _scope_of(dependency: Any) -> Scope | None:
    scope = getattr(dependency.call, "required_scope", None)
    if isinstance(scope, Scope):
        return scope
    return next((s for s in map(_scope_of, dependency.dependencies) if s is not None), None)


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Go through the routes of included routers too; ours are included without a further prefix."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from _flat(included.routes)


def route_table(app: FastAPI) -> list[Route]:
    """List every route, sorted by path; what a guard asks for is read off its dependencies."""
    rows = [
        Route(
            method=method,
            path=route.path,
            scope=_scope_of(route.dependant),
            summary=(route.description or route.name).strip().splitlines()[0],
        )
        for route in _flat(app.routes)
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    ]
    return sorted(rows, key=lambda row: (row.path, row.method))
