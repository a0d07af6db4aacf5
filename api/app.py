"""The application: store and live feed while it runs, routes, pages, errors, headers."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.middleware.sessions import SessionMiddleware

from api import errors, routes
from api.headers import SecurityHeaders
from api.live import LiveFeed
from api.principals import Gate
from api.routes import health
from api.web import air, login, pages, releases, reviews
from core.errors import SetupError
from core.settings import Settings
from core.store import Store

STATIC = Path(__file__).parent / "web" / "static"
GRACE_SECONDS = 3  # longest time that open connections hold up an ending service [s]
POOL_SIZE = 8
DESCRIPTION = """Flux towers and sensor networks: newest values, raw traces, half-hour fluxes, gap-filled NEE.

Names and units are FLUXNET's. Times are ISO with offset and mark the START of their interval; FLUXNET CSV has
local standard time. Missing is `null` in JSON, empty in CSV, -9999 in FLUXNET CSV.
Errors have the body `{error, detail, remedy?}`. What is not public is read with an API key:
`Authorization: Bearer ftk_...`."""


def create_app(settings: Settings) -> FastAPI:
    """Make the application; it starts whether or not the database is there, and says so under ``/health``.

    Parameters
    ----------
    settings : Settings
        Which database to read.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Store(settings.store_dsn, pool_size=POOL_SIZE) as store:
            app.state.gate = gate = Gate(store, settings.requests_per_minute)
            async with LiveFeed(store, gate.policies).running() as feed:
                app.state.feed = feed
                yield

    app = FastAPI(
        title="Fluxtower",
        version=health.installed_version(),
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the stock pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.oauth = oauth = login.make_oauth(settings)
    if oauth is not None:
        # what a reader takes along to the identity provider and back
        app.add_middleware(SessionMiddleware, secret_key=settings.secret("session"), session_cookie="fluxtower_oidc")
    app.add_middleware(SecurityHeaders)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    errors.install(app, pages.error_page)
    app.include_router(health.router, include_in_schema=False)
    app.include_router(routes.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.include_router(pages.router, include_in_schema=False)
    app.include_router(air.router, include_in_schema=False)
    app.include_router(reviews.router, include_in_schema=False)
    app.include_router(releases.router, include_in_schema=False)
    app.include_router(login.router, include_in_schema=False)
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; open connections are ended within ``GRACE_SECONDS``.

    Raises
    ------
    SetupError
        The address cannot be listened on.
    """
    config = uvicorn.Config(
        create_app(settings),
        access_log=False,
        log_level="info",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    with _listen(settings.api_host, settings.api_port) as listener:
        uvicorn.Server(config).run(sockets=[listener])


class _Static(StaticFiles):
    """Static files that a browser asks about each time, so that no old script meets a new page."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the file, or 304 if the browser has it."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"port {port} of {host} is taken", "stop the program that listens there, or set FLUXTOWER_API_PORT"
            ) from None
        raise SetupError(
            f"cannot listen on {host} port {port}: {error.strerror or error}", "set FLUXTOWER_API_HOST"
        ) from None
