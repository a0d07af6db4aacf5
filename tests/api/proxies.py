"""Reverse proxies before the application: nginx and Caddy where the machine has them, and a small fake of our own."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.waiting import PATIENCE, wait_for

PREFIX = "/flux"
KINDS = ("fake that keeps the prefix", "fake that takes it off", "nginx", "caddy")
NGINX = """
daemon off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location /flux/ {{
            proxy_pass http://127.0.0.1:{api};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""
CADDY = """{{
    admin off
    auto_https off
}}
http://127.0.0.1:{port} {{
    handle_path /flux/* {{
        reverse_proxy 127.0.0.1:{api}
    }}
}}
"""


@contextmanager
def proxy(kind: str, port: int, api: int, folder: Path) -> Iterator[None]:
    """Pass on what is asked under ``PREFIX`` of a port to that of the application."""
    if kind.startswith("fake"):
        with _fake(port, api, keeps=kind.endswith("keeps the prefix")):
            yield
        return
    program = shutil.which(kind)
    if program is None:
        pytest.skip(f"this machine has no {kind}")
    config = folder / kind
    config.write_text((NGINX if kind == "nginx" else CADDY).format(port=port, api=api, folder=folder))
    options = ["-e", "stderr", "-c", str(config)]
    if kind == "caddy":
        options = ["run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen([program, *options], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _listens(port))
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}{PREFIX}/health", timeout=PATIENCE)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def _fake(port: int, api: int, *, keeps: bool) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                self.send_error(404)
                return
            path = self.path if keeps else self.path.removeprefix(PREFIX)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "http"}
            content = self.rfile.read(int(self.headers.get("content-length", 0)))
            url = f"http://127.0.0.1:{api}{path}"
            with httpx.stream(self.command, url, headers=headers, content=content, timeout=PATIENCE) as answer:
                self.send_response(answer.status_code)
                for name, value in answer.headers.multi_items():
                    if name not in ("date", "transfer-encoding"):
                        self.send_header(name, value)
                self.end_headers()
                for chunk in answer.iter_raw():
                    self.wfile.write(chunk)

        do_GET = do_POST = do_HEAD = _pass_on

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
