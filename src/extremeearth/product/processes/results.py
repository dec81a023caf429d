"""Results of a job: a document of all outputs, one bare output, or links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.core.security import Principal
from extremeearth.processing.jobs import Job
from extremeearth.product.processes.answers import no_such_output, not_available, not_successful
from extremeearth.product.processes.documents import ITEMS_TYPE, link, with_urls

if TYPE_CHECKING:
    from extremeearth.data.catalogue import Catalogue

__all__ = ["Results"]

PROFILE = "https://www.opengis.net/def/profile/OGC/0/ogc-results"


class Results:
    """Makes answers of the results of jobs.

    Parameters
    ----------
    catalogue
        Items are given as they are now; one that was deleted since is left out.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def document(
        self, request: Request, job: Job, *, viewer: Principal, only: Iterable[str], links: bool
    ) -> Response:
        """Answer with every output that was asked for.

        Raises
        ------
        InputError
            `only` names an output that the job does not give.
        """
        refused = not_successful(request, job)
        if refused is not None:
            return refused
        given = self._given(job)
        wanted = tuple(only) or given
        for name in wanted:
            if name not in given:
                raise InputError(
                    f"Parameter 'outputs': this job does not give '{name[:64]}'.",
                    hint=f"It gives: {', '.join(given) or 'nothing'}.",
                )
        if job.options.get("response") == "raw" and len(wanted) == 1 and not links:
            return self._bare(request, job, wanted[0], viewer)
        base = str(request.base_url).rstrip("/")
        references = wanted if links else job.options.get("references", ())
        body = {
            name: _reference(base, job, name)
            if name in references
            else {"value": self._value(job, name, viewer, base), "mediaType": ITEMS_TYPE}
            for name in wanted
        }
        return JSONResponse(body, headers={"Link": f'<{PROFILE}>; rel="profile"'})

    def output(
        self, request: Request, job: Job, name: str, *, known: Iterable[str], viewer: Principal
    ) -> Response:
        """Answer with one bare output."""
        if name not in (names := dict.fromkeys(known)):
            return no_such_output(request, name, names)
        refused = not_successful(request, job)
        if refused is not None:
            return refused
        if name not in self._given(job):
            return not_available(request, f"The output '{name}' was not asked for.")
        return self._bare(request, job, name, viewer)

    def _given(self, job: Job) -> tuple[str, ...]:
        wanted = job.options.get("outputs")
        return tuple(n for n in job.results or {} if wanted is None or n in wanted)

    def _bare(self, request: Request, job: Job, name: str, viewer: Principal) -> Response:
        base = str(request.base_url).rstrip("/")
        return JSONResponse(self._value(job, name, viewer, base), media_type=ITEMS_TYPE)

    def _value(self, job: Job, name: str, viewer: Principal, base: str) -> Any:
        value = (job.results or {})[name]
        if name != "items":
            return value
        return value | {"features": with_urls(self._current(value["features"], viewer), base)}

    def _current(
        self, features: Iterable[dict[str, Any]], viewer: Principal
    ) -> list[dict[str, Any]]:
        found = []
        for feature in features:
            try:
                item = self.catalogue.get(feature["collection"], feature["id"], viewer=viewer)
            except NotFoundError:  # somebody deleted it since
                continue
            found.append(item.to_dict(include_self_link=False, transform_hrefs=False))
        return found


def _reference(base: str, job: Job, name: str) -> dict[str, str]:
    href = f"{base}/jobs/{job.id}/results/{name}"
    return link(href, "related", name, media_type=ITEMS_TYPE)
