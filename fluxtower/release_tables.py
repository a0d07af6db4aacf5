"""Releases and webhooks as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from core.store import ReleaseRow, WebhookRow


def release_table(releases: Iterable[ReleaseRow]) -> Table:
    """Return releases, newest first."""
    table = Table("name", "run", "released (UTC)", "by", "licence", "title", "reviewed", "known issues", "state")
    for one in releases:
        state = "withdrawn" if one.withdrawal else f"superseded by {one.successor}" if one.successor else "in force"
        reviewed = "wholly" if one.said["review"]["is_whole"] else "not wholly"
        made = f"{one.released:%Y-%m-%d %H:%M}"
        table.add_row(
            one.name, str(one.run), made, one.by, one.licence, one.title, reviewed, str(len(one.issues)), state
        )
    return table


def webhook_table(webhooks: Iterable[WebhookRow]) -> Table:
    """Return addresses that are told of releases."""
    table = Table("number", "address", "station", "added by", "delivered", "waiting", "given up", "last failure")
    for one in webhooks:
        counts = (str(one.delivered), str(one.waiting), str(one.abandoned))
        table.add_row(str(one.id), one.url, one.station or "all that are public", one.made_by, *counts, one.failure)
    return table
