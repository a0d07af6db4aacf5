"""``python -m ingest.agent``: the agent in a process of its own, which imports nothing else.

``fluxtower agent`` becomes this process.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from core.errors import FluxTowerError
from ingest.agent.config_file import read_config
from ingest.agent.loop import run_agent


def main() -> int:
    """Run the agent; an error that we raise on purpose is one message and exit status 1."""
    parser = argparse.ArgumentParser(prog="fluxtower agent", description="Follow a tower's loggers and send blocks.")
    parser.add_argument("--config", type=Path, required=True, help="configuration file (TOML)")
    parser.add_argument("--check", action="store_true", help="only check the configuration file")
    arguments = parser.parse_args()
    try:
        config = read_config(arguments.config)
        if arguments.check:
            sys.stdout.write(f"{arguments.config}: valid\n")
            return 0
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        run_agent(config, stop)
    except FluxTowerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
