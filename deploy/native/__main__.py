"""``python -m deploy.native install | browser | run-database``."""

from __future__ import annotations

import argparse
import sys

from core.errors import FluxTowerError
from core.settings import Settings, read_settings
from deploy.native import browser, fonts, installation, postgres, prefix


def main() -> int:
    """Run one command; a failure is one message with its remedy and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.native", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="unpack the private servers under var/native")
    install.add_argument(
        "--again",
        action="store_true",
        help="afresh, with the newest packages; the data stay",
    )
    commands.add_parser("browser", help="provide the Chromium that the tests of the pages use")
    commands.add_parser("run-database", help="become the database server (called by the supervisor)")
    arguments = parser.parse_args()
    try:
        settings = read_settings()
        if arguments.command == "install":
            prefix.install(settings, _report, again=arguments.again)
            _provide_font(settings)
        elif arguments.command == "browser":
            browser.install(settings, _report)
        else:
            postgres.run_server(settings, installation.find_installation(settings))
    except KeyboardInterrupt:
        return 130
    except FluxTowerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _provide_font(settings: Settings) -> None:
    """Install the font of documents; without it everything else works, so it is told and no failure."""
    try:
        fonts.install(settings, _report)
    except FluxTowerError as error:
        _report(f"no font for documents: {error}")


def _report(line: str) -> None:
    sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
