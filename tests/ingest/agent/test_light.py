"""The agent imports little: a tower's computer has little memory."""

from __future__ import annotations

import subprocess
import sys

from core.settings import ROOT

ALLOWED = {"numpy", "paho", "cbor2", "zstandard", "orjson"}
LIST = """
import sys
import ingest.agent.__main__
from importlib.metadata import packages_distributions
known = packages_distributions()
print(*sorted({name.partition(".")[0] for name in sys.modules} & set(known)))
"""


def test_the_agent_imports_five_libraries() -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in listed.stdout.split() if not name.startswith("_")}
    ours = {"core", "ingest"}
    assert {"numpy", "paho"} <= names
    assert names - ours <= ALLOWED
