"""Waiting for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 180.0
"""In which a slow and busy machine, too, has done what takes a moment; only a failure waits so long. [s]"""
SOON = 20.0
"""In which such a machine has done what is promised at once, and nothing that waits for a time limit. [s]"""


def wait_for(done: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until something is so; an assertion fails if it is not in time. [s]"""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
