"""Routes that had another name, or are gone: who asks for one is told where its successor is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from fastapi import Response
from starlette.responses import RedirectResponse

from api.errors import Answer, problem, problem_answer


class Moved(NamedTuple):
    """What became of a route.

    Attributes
    ----------
    successor : str
        Its address now; ``{id}`` is filled in.
    is_same : bool
        Whether the successor answers the same: 301 then, else 410 that names it.
    """

    successor: str
    is_same: bool


MOVED: Mapping[str, Moved] = {
    "/docs": Moved("/api/v1/docs", is_same=True),
    "/openapi.json": Moved("/api/v1/openapi.json", is_same=True),
}
"""Old address -> what became of it; ``{name}`` is any part of a path."""


def find_successor(path: str, query: str, root: str, moved: Mapping[str, Moved] = MOVED) -> Response | None:
    """Return the answer to who asks for an old address, None for any other.

    Parameters
    ----------
    path, query : str
        What is asked for.
    root : str
        Path under which the platform is published, empty without one.
    moved : mapping
        Old addresses.
    """
    for old, now in moved.items():
        parts = re.fullmatch(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(old)), path)
        if parts is None:
            continue
        successor = root + now.successor.format(**parts.groupdict())
        link = {"Link": f'<{successor}>; rel="successor-version"'}
        if now.is_same:
            return RedirectResponse(f"{successor}?{query}" if query else successor, 301, link)
        answer = Answer(410, "Gone", f"ask for {successor}")
        return problem_answer(problem("Gone", answer, f"{path} is no longer there", root), link)
    return None
