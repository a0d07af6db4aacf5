"""The way to a broker as it is run in earnest: TLS with real certificates, client certificates, users; MQTT 3.1.1."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.records import SampleBlock
from core.settings import Settings
from core.station import Station
from core.store import Store
from deploy.native.installation import find_installation
from ingest.collector.watermark import Watermark, decode
from ingest.mqtt.publisher import Publisher, Refused
from ingest.mqtt.topics import committed_topic
from ingest.simulation import tower
from ingest.simulation.tower import Tower
from tests.conftest import free_port
from tests.ingest.conftest import collecting
from tests.ingest.listener import listening
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, 4, tzinfo=UTC)


@dataclass(frozen=True)
class Secured:
    """A broker with TLS, and what belongs to it."""

    folder: Path
    certificates_port: int
    users_port: int

    @property
    def with_certificate(self) -> str:
        names = "&".join(
            f"{key}={self.folder / file}"
            for key, file in (("ca_file", "ca.crt"), ("certificate_file", "client.crt"), ("key_file", "client.key"))
        )
        return f"mqtts://localhost:{self.certificates_port}?{names}"

    def with_password(self, password: str) -> str:
        return f"mqtts://tower:{password}@localhost:{self.users_port}?ca_file={self.folder / 'ca.crt'}"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> None:
    """An authority, and certificates that it signed for a server and a client."""
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority")
    for name, common, extension in (
        ("server", "localhost", "subjectAltName=DNS:localhost"),
        ("client", "tower", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extension)
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={common}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt")


def hashed(password: str) -> str:
    """Hash a password as mosquitto_passwd does: PBKDF2 with SHA-512."""
    salt, rounds = os.urandom(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


@contextmanager
def mosquitto(settings: Settings, folder: Path, configuration: str, port: int) -> Iterator[None]:
    """Run a broker of our own with a configuration."""
    (folder / "mosquitto.conf").write_text(configuration)
    program = find_installation(settings).prefix / "usr/sbin/mosquitto"
    with subprocess.Popen([program, "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is not None or _answers(port))
            assert process.poll() is None, "the broker does not start"
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def secured(running: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("broker")
    make_certificates(folder)
    (folder / "users").write_text(f"tower:{hashed('right')}\n")
    (folder / "users").chmod(0o600)
    broker = Secured(folder, free_port(), free_port())
    tls = f"cafile {folder}/ca.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\n"
    configuration = (
        "per_listener_settings true\n"
        f"{'user root' if os.getuid() == 0 else ''}\n"
        f"listener {broker.certificates_port} 127.0.0.1\n{tls}require_certificate true\nuse_identity_as_username true\n"
        "allow_anonymous false\n"
        f"listener {broker.users_port} 127.0.0.1\n{tls}allow_anonymous false\npassword_file {folder}/users\n"
    )
    with mosquitto(running, folder, configuration, broker.users_port):
        yield broker


@pytest.fixture
def blocks(forest: Station) -> list[SampleBlock]:
    made = tower.records(Tower(forest, block_seconds=60), START, 1 / 48)
    found = [record for record in made if isinstance(record, SampleBlock)]
    return [replace(block, seq=seq, run=3) for seq, block in enumerate(found)]


@pytest.fixture
def registered(store: Store, demo: Path) -> Store:
    store.stations.put((demo / "stations" / "cn-simulated-forest.toml").read_text(), "forest")
    return store


def assert_the_whole_way(settings: Settings, store: Store, blocks: list[SampleBlock]) -> None:
    """Send, store, and hear what is committed, all over one way."""
    topic = committed_topic(blocks[0].station, "ec", settings.topic_root)
    with collecting(settings), listening(settings.broker_url, topic) as heard:
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            publisher.wait_connected(PATIENCE)
            assert publisher.play(blocks) == len(blocks)
        wait_for(lambda: topic in heard and decode(heard[topic]) == Watermark(3, len(blocks) - 1))
    span = store.samples.read_span(blocks[0].station, "ec")
    assert span is not None
    assert span[2] == sum(block.samples.shape[1] for block in blocks)
    assert store.rejects.find() == []


def test_client_certificates(
    settings: Settings, registered: Store, blocks: list[SampleBlock], secured: Secured
) -> None:
    assert_the_whole_way(settings.model_copy(update={"broker": secured.with_certificate}), registered, blocks)


def test_user_and_password(settings: Settings, registered: Store, blocks: list[SampleBlock], secured: Secured) -> None:
    assert_the_whole_way(settings.model_copy(update={"broker": secured.with_password("right")}), registered, blocks)
    with Publisher(secured.with_password("wrong"), "x") as publisher, pytest.raises(Refused, match="user and password"):
        publisher.wait_connected(PATIENCE)


def test_mqtt_3_1_1(settings: Settings, registered: Store, blocks: list[SampleBlock]) -> None:
    old = settings.model_copy(update={"broker": f"{settings.broker_url}?version=3.1.1"})
    assert_the_whole_way(old, registered, blocks)
    with Publisher(old.broker_url, old.topic_root) as publisher:  # the session is kept while the collector is away
        publisher.send(replace(blocks[0], seq=len(blocks)))
        publisher.flush()
    with collecting(old):
        wait_for(lambda: registered.watermarks.read_arrivals()[0].records == len(blocks) + 1)


# paho leaves the socket of a handshake that failed to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_is_not_the_one_is_not_trusted(settings: Settings, secured: Secured, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    stranger = f"mqtts://localhost:{secured.users_port}?ca_file={tmp_path / 'ca.crt'}"
    with Publisher(stranger, "x") as publisher, pytest.raises(Exception, match="no MQTT broker answers"):
        publisher.wait_connected(2)
