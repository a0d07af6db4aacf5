"""The commands about feeds, gaps and refused messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.records import Reject
from core.settings import Settings
from core.store import Store
from tests.fluxtower.test_cli import fluxtower
from tests.ingest.collector.test_acknowledgements import FILE, Collector, block

pytestmark = pytest.mark.integration


def test_gaps_status_and_rejects(settings: Settings, store: Store, environment: dict[str, str], tmp_path: Path) -> None:
    store.stations.put(FILE, "x.toml")
    collector = Collector(store)
    collector.commit(*(block(i, i) for i in range(200) if not 50 <= i < 53), block(0, 0))
    collector.acknowledgements.publish_due()
    store.gaps.search()

    gaps = fluxtower("gaps", "cn-x", environment=environment)
    assert "2026-07-01 00:00:50.000 │ 2026-07-01 00:00:53.000 │ 3 " in gaps.stdout
    assert "unknown station 'nobody'" in fluxtower("gaps", "nobody", environment=environment).stderr
    status = fluxtower("status", "cn-x", environment=environment).stdout
    (line,) = (line for line in status.splitlines() if line.startswith("│ ec"))
    assert [cell.strip() for cell in line.split("│")][3:6] == ["198", "1", "0"]
    assert [cell.strip() for cell in line.split("│")][8] == "1"
    (line,) = (line for line in status.splitlines() if line.startswith("│ met"))
    assert "never" in line

    topic = f"{settings.topic_root}/cn-x/met/reading"
    store.messages.commit(
        [], [], [Reject(topic, b'{"t": "2026-07-01T00:00:00Z", "v": {"TA": "21,5"}}', "words", "cn-x")]
    )
    listed = fluxtower("reject", "list", "--station", "cn-x", "--reason", "WORDS", environment=environment).stdout
    assert topic in listed
    (row,) = store.rejects.find()
    saved = tmp_path / "payload"
    shown = fluxtower("reject", "show", str(row.id), "--save", saved, environment=environment).stdout
    assert "21,5" in shown
    again = fluxtower("reject", "replay", "--all", environment=environment)
    assert again.returncode == 1
    assert "expected a number" in again.stderr
    saved.write_bytes(saved.read_bytes().replace(b'"21,5"', b"21.5"))
    mended = fluxtower("reject", "replay", str(row.id), "--file", saved, environment=environment)
    assert (mended.returncode, mended.stdout) == (0, "1 stored, 0 refused still\n")
    assert store.rejects.find() == []
    assert store.latest.read("cn-x")[-1].values == {"TA": 21.5}


def test_a_replay_says_what_to_replay(environment: dict[str, str]) -> None:
    for arguments in ((), ("1", "--all"), ("--all", "--file", "x"), ("1", "2", "--file", "x")):
        result = fluxtower("reject", "replay", *arguments, environment=environment)
        assert result.returncode == 1
        assert result.stderr.startswith("error: command line: ")
