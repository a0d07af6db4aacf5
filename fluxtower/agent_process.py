"""`fluxtower agent`: the agent takes this process over."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def become_agent(config: Path, *, check: bool) -> NoReturn:
    """Replace this process by the agent's, which has no use for what the command line has imported."""
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ}  # nor for threads of numpy
    arguments = ["--config", str(config), *(["--check"] if check else [])]
    os.execve(sys.executable, [sys.executable, "-m", "ingest.agent", *arguments], environment)
