"""The agent with a real broker that asks for TLS, a client's certificate, a user and a password."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from core.settings import ROOT, Settings
from deploy.native.installation import find_installation
from ingest.collector import watermark
from ingest.collector.watermark import Watermark
from ingest.payloads import MessageSource, block_cbor
from tests.conftest import free_port
from tests.ingest.agent.making import header, rows
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

PASSWORD = "s:/cret"


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """An authority, the broker's certificate and the agent's, where the servers' user can read them."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(folder, *new, "-x509", "-subj", "/CN=authority", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("broker", "agent"):
        openssl(folder, *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        sign = (
            "x509",
            "-req",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
        )
        openssl(folder, *sign, "-in", f"{name}.csr", "-out", f"{name}.pem")
    (folder / "broker.key").chmod(0o644)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def broker(certificates: Path, running: Settings) -> Iterator[int]:
    """Port of a Mosquitto that lets nobody in without all of it."""
    port, salt = free_port(), b"twelve bytes"
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    hashed = f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
    (certificates / "passwords").write_text(f"tower:{hashed}\n")
    (certificates / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {certificates}/passwords\n"
        f"cafile {certificates}/ca.pem\ncertfile {certificates}/broker.pem\nkeyfile {certificates}/broker.key\n"
        "require_certificate true\n"
    )
    installation = find_installation(running)
    command = [
        *installation.run_as_user("TERM"),
        str(installation.prefix / "usr/sbin/mosquitto"),
        "-c",
        str(certificates / "mosquitto.conf"),
    ]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    yield port
    server.terminate()
    server.wait(PATIENCE)


class FakePlatform:
    """Says at once that a block is committed; there is no store behind it."""

    def __init__(self, certificates: Path, port: int) -> None:
        self.seqs: list[int] = []
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.username_pw_set("tower", PASSWORD)
        self.client.tls_set(*(str(certificates / name) for name in ("ca.pem", "agent.pem", "agent.key")))
        self.client.on_connect = lambda client, *_: client.subscribe("flux/v1/+/+/block", qos=1)
        self.client.on_message = self.take
        wait_for(lambda: self.connect(port))
        self.client.loop_start()

    def connect(self, port: int) -> bool:
        with suppress(ConnectionRefusedError, ssl.SSLError):
            self.client.connect("127.0.0.1", port)
            return True
        return False

    def take(self, client: Client, _: Any, message: MQTTMessage) -> None:
        (block,) = block_cbor.decode(MessageSource("cn-x", "ec", "block"), bytes(message.payload), 0)
        assert block.seq is not None
        self.seqs.append(block.seq)
        said = watermark.encode(Watermark(block.run, block.seq))
        client.publish(message.topic.replace("/block", "/committed"), said, qos=1, retain=True)


def test_blocks_go_out_and_watermarks_come_in(certificates: Path, broker: int, tmp_path: Path) -> None:
    (tmp_path / "ts.dat").write_bytes(header() + rows(0, 55))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    (tmp_path / "agent.toml").write_text(
        f'[agent]\nstation = "cn-x"\nspool = "{tmp_path}/spool.db"\nmax_spool_bytes = 10_000_000\n'
        f'status_file = "{tmp_path}/status.json"\n[broker]\nurl = "mqtts://tower@127.0.0.1:{broker}"\n'
        f'password_file = "{tmp_path}/password"\nca_file = "{certificates}/ca.pem"\n'
        f'certificate_file = "{certificates}/agent.pem"\nkey_file = "{certificates}/agent.key"\n'
        f'[[source]]\ntype = "toa5"\nstream = "ec"\nrate = 10\nblock_seconds = 1\nfolder = "{tmp_path}"\n'
        'pattern = "ts*.dat"\nutc_offset = 8\ncolumns = ["u", "w"]\n'
    )
    platform = FakePlatform(certificates, broker)
    command = [sys.executable, "-m", "fluxtower", "agent", "--config", str(tmp_path / "agent.toml")]
    agent = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(lambda: len(set(platform.seqs)) >= 5)
        time.sleep(0.5)
    finally:
        agent.terminate()
        assert agent.wait(PATIENCE) == 0
        platform.client.disconnect()
        platform.client.loop_stop()
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["committed"] == 5
    assert status["streams"]["ec"]["waiting"] == 1  # the half block with which the agent ended
