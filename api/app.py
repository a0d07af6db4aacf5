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
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.middleware.sessions import SessionMiddleware
from uvicorn.supervisors import Multiprocess

from api import description, errors, routes
from api.http.address import Prefixed
from api.http.compression import Compression
from api.http.contract import Contract
from api.http.headers import SecurityHeaders
from api.http.revalidation import HeadOfGet, Revalidation
from api.live import LiveFeed
from api.principals import Gate
from api.routes import health
from api.web import air, login, pages, releases, reviews
from core.errors import SetupError
from core.settings import Settings, read_settings
from core.store import Store

STATIC = Path(__file__).parent / "web" / "static"
GRACE_SECONDS = 3  # longest time that open connections hold up an ending service [s]
POOL_SIZE = 8
DESCRIPTION = """Flux towers and sensor networks: newest values, raw traces, half-hour fluxes, gap-filled NEE.

Names and units are FLUXNET's. Times are ISO with offset and mark the START of their interval; FLUXNET CSV has
local standard time. Missing is `null` in JSON, empty in CSV, -9999 in FLUXNET CSV.
`format=json|csv|...` chooses the form; so does an ending (`/fluxes.csv`) or the header `Accept`. Errors are problem
details (RFC 9457) with a `remedy`; a parameter that a route does not know is one. HEAD and OPTIONS answer everywhere.
What is not public is read with an API key:
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
        root_path_in_servers=False,
        servers=[{"url": settings.public_url}] if settings.public_url else None,
    )
    app.state.settings = settings
    app.state.oauth = oauth = login.make_oauth(settings)
    if oauth is not None:
        # what a reader takes along to the identity provider and back
        app.add_middleware(
            SessionMiddleware,
            secret_key=settings.secret("session"),
            session_cookie="fluxtower_oidc",
            path=settings.root_path or "/",
        )
    app.add_middleware(Contract, described=app)
    app.add_middleware(Revalidation)
    app.add_middleware(Compression)
    app.add_middleware(HeadOfGet)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "X-API-Key", "Last-Event-ID", "If-None-Match"],
            expose_headers=["ETag", "Link", "Content-Disposition", *routes.OWN_HEADERS],
            allow_credentials=False,  # a foreign page has its own key, and never the login of who looks at it
        )
    app.add_middleware(Prefixed, root=settings.root_path)
    app.add_middleware(SecurityHeaders)
    errors.install(app, pages.error_page)
    app.include_router(health.router, include_in_schema=False)
    app.include_router(routes.router)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.include_router(pages.router, include_in_schema=False)
    app.include_router(air.router, include_in_schema=False)
    app.include_router(reviews.router, include_in_schema=False)
    app.include_router(releases.router, include_in_schema=False)
    app.include_router(login.router, include_in_schema=False)
    description.install(app)
    return app


def make_app() -> FastAPI:
    """Make the application of one of several processes, which reads the settings itself."""
    return create_app(read_settings())


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; open connections are ended within ``GRACE_SECONDS``.

    Several processes share one listening socket; one that ends is started again.

    Raises
    ------
    SetupError
        The address cannot be listened on.
    """
    several = settings.api_processes > 1
    config = uvicorn.Config(
        f"{__name__}:{make_app.__name__}" if several else create_app(settings),
        factory=several,
        workers=settings.api_processes,
        access_log=False,
        log_level="info",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
    )
    with _listen(settings.api_host, settings.api_port) as listener:
        if several:
            Multiprocess(config, sockets=[listener]).run()
        else:
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
