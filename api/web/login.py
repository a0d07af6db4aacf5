"""Logging in and out: by a password, or at an identity provider (OpenID Connect)."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.errors import NotAuthenticated
from api.http.address import root_of
from api.principals import COOKIE, OwnForm, PrincipalDep, address_of, gate_of
from api.web.rendering import render
from core.access import Principal
from core.settings import Settings
from core.store import Account
from core.store.access import LOGIN_SECONDS

router = APIRouter(default_response_class=HTMLResponse)

Next = Annotated[str, Query(description="Page to show afterwards.")]


@router.get("/login")
async def login_page(request: Request, principal: PrincipalDep, next: Next = "/") -> Response:
    """Ask for name and password."""
    return _page(request, principal, next, wrong=False)


@router.post("/login", dependencies=[OwnForm])
async def log_in(
    request: Request,
    principal: PrincipalDep,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Log in by name and password."""
    gate, address = gate_of(request), address_of(request)
    gate.refuse_guessing(address)
    account = await run_in_threadpool(gate.store.access.check_password, name, password)
    if account is None:
        gate.count_failure(address)
        await run_in_threadpool(gate.store.access.log, principal, "log in", "", "denied", name=name[:100])
        return _page(request, principal, next, wrong=True)
    return await run_in_threadpool(_begin, request, account, next)


@router.post("/logout", dependencies=[OwnForm])
def log_out(request: Request) -> Response:
    """Log out."""
    gate_of(request).store.access.end_login(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse(f"{root_of(request)}/?{request.url.query}".removesuffix("?"), 303)
    answer.delete_cookie(COOKIE, path=root_of(request) or "/")
    return answer


@router.get("/login/oidc")
async def log_in_elsewhere(request: Request, next: Next = "/") -> Response:
    """Send the reader to the identity provider."""
    request.session["next"] = _own_path(next)
    answer: Response = await _provider(request).authorize_redirect(request, _callback(request))
    return answer


@router.get("/login/oidc/callback")
async def come_back(request: Request, principal: PrincipalDep) -> Response:
    """Log in who comes back from the identity provider and is known here."""
    gate = gate_of(request)
    try:
        token = await _provider(request).authorize_access_token(request)
    except OAuthError as error:
        gate.count_failure(address_of(request))
        raise NotAuthenticated(f"the identity provider's answer cannot be used: {error.error}") from None
    claims = token["userinfo"]
    identity = f"{claims['iss']} {claims['sub']}"
    account = await run_in_threadpool(gate.store.access.find_identity, identity)
    if account is None:
        await run_in_threadpool(gate.store.access.log, principal, "log in", "", "denied", identity=identity[:300])
        raise NotAuthenticated(
            f"no account has the identity {identity!r}: an admin adds one with `fluxtower user add NAME --identity`"
        )
    return await run_in_threadpool(_begin, request, account, request.session.pop("next", "/"))


def make_oauth(settings: Settings) -> OAuth | None:
    """Return the client of the identity provider, None without one; its addresses are asked for at first use."""
    if settings.oidc_issuer is None:
        return None
    oauth = OAuth()
    oauth.register(
        "provider",
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_id=settings.oidc_client,
        client_secret=settings.oidc_secret,
        client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
    )
    return oauth


def _provider(request: Request):  # type: ignore[no-untyped-def]
    oauth: OAuth | None = request.app.state.oauth
    if oauth is None:
        raise NotAuthenticated("no identity provider is set: FLUXTOWER_OIDC_ISSUER")
    return oauth.provider


def _begin(request: Request, account: Account, next: str) -> Response:
    access = gate_of(request).store.access
    secret = access.begin_login(account.name)
    access.log(account.principal, "log in", "", "done")
    answer = RedirectResponse(root_of(request) + _own_path(next), 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(LOGIN_SECONDS),
        httponly=True,
        samesite="lax",
        secure=(_settings(request).public_url or str(request.url)).startswith("https:"),
        path=root_of(request) or "/",
    )
    return answer


def _page(request: Request, principal: Principal, next: str, *, wrong: bool) -> Response:
    settings = _settings(request)
    provider = urlsplit(settings.oidc_issuer).hostname if settings.oidc_issuer else None
    shown = {"next": _own_path(next), "wrong": wrong, "provider": provider}
    return render(request, "login.html", {}, 401 if wrong else 200, shown=shown)


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _callback(request: Request) -> str:
    """Return the address to which the identity provider sends a reader back, as readers see it."""
    public = _settings(request).public_url
    return f"{public}/login/oidc/callback" if public else str(request.url_for("come_back"))


def _own_path(next: str) -> str:
    """Return a path of ours; an address elsewhere would send a reader who has just logged in to a stranger."""
    return next if re.fullmatch(r"/(?![/\\])[^\\\s]*", next) else "/"
