"""A page from its template, in the reader's language, time zone and appearance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pydantic import BaseModel

from api.http.address import root_of
from api.principals import COOKIE, csrf_token
from api.web import seasons, words
from core.access import ANONYMOUS
from core.timeliness import LATE_STEPS, SILENT_STEPS

FOLDER = Path(__file__).parent
KEPT_PARAMETERS = ("lang", "tz", "theme")  # what a link to another page takes along
THEMES = ("auto", "light", "dark")
LIMITS = {"late": LATE_STEPS, "silent": SILENT_STEPS}  # of a message's age, in steps of its stream


def render(
    request: Request,
    template: str,
    data: Mapping[str, object],
    status: int = 200,
    *,
    shown: Mapping[str, object] | None = None,
    offset: float = 0.0,
) -> Response:
    """Return a page; ``data`` goes to its template and its scripts, ``shown`` to the template alone.

    A template gets the prefix of our addresses as ``root``, who is logged in as ``principal``, and ``csrf`` for its
    forms.

    ``offset`` is the one of local standard time. [h]
    """
    query = request.query_params
    language = words.choose_language(query.get("lang"), request.headers.get("accept-language"))
    state = {
        "lang": language,
        "tz": "utc" if query.get("tz") == "utc" else "local",
        "theme": query["theme"] if query.get("theme") in THEMES else "auto",
    }
    kept = "&".join(f"{name}={state[name]}" for name in KEPT_PARAMETERS if name in query)
    page = _environment(language).get_template(template)
    html = page.render(
        **data,
        **(shown or {}),
        principal=getattr(request.state, "principal", ANONYMOUS),
        csrf=csrf_token(request.cookies.get(COOKIE, "")),
        root=root_of(request),
        state=state,
        clock=seasons.PageClock(state["tz"], offset),
        kept=f"?{kept}" if kept else "",
        languages=words.LANGUAGES,
        limits=LIMITS,
        page=_data_block(
            {
                **data,
                "root": root_of(request),
                "state": state,
                "limits": LIMITS,
                "messages": words.script_messages(language),
            }
        ),
        switch=lambda **change: str(request.url.include_query_params(**change).query),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language, Cookie", "Cache-Control": "no-cache"}
    return HTMLResponse(html, status, headers)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.filters.update(number=seasons.number_text, unit=seasons.unit_text)
    environment.install_gettext_translations(words.translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


def _data_block(data: dict[str, object]) -> Markup:
    """Return data for a script element: ``<`` escaped, so that no text in it can end the element."""
    text = orjson.dumps(data, default=_plain).decode().replace("<", "\\u003c")
    return Markup(text)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)
