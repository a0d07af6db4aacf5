"""Taken ports are found before anything starts, with the name of who has them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from core.errors import SetupError
from deploy.group.ports import find_listener, require_port


@pytest.fixture
def taken() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_taken_port_names_port_process_and_variable(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    with pytest.raises(SetupError) as caught:
        require_port("127.0.0.1", port, "FLUXTOWER_DB_PORT", None)
    assert f"port {port} on 127.0.0.1 is taken by process {os.getpid()}" in caught.value.what
    assert "FLUXTOWER_DB_PORT=" in caught.value.remedy


def test_listener_is_found_with_its_program(taken: socket.socket) -> None:
    assert find_listener(taken.getsockname()[1]) == (os.getpid(), str(Path("/proc/self/exe").readlink()))


def test_free_port_passes(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    taken.close()
    require_port("127.0.0.1", port, "FLUXTOWER_DB_PORT", None)
    assert find_listener(port) is None


def test_address_of_another_machine() -> None:
    with pytest.raises(SetupError, match=r"cannot listen on 192\.0\.2\.1"):
        require_port("192.0.2.1", 18080, "FLUXTOWER_API_HOST", None)
