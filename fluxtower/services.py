"""What has to be there before the services start: the schema in the database, the collector's session at the broker."""

from __future__ import annotations

from core.settings import Settings
from core.store import Store
from deploy import group
from ingest.collector import service

DATABASE_SECONDS = 30.0


def prepare(settings: Settings) -> None:
    """Make schema and session: from now on the broker keeps messages for the collector, even before its first start.

    Raises
    ------
    StoreUnavailable, SetupError
        Database or broker do not answer.
    """
    with Store(settings.store_dsn) as store:
        store.wait(DATABASE_SECONDS)
        store.migrate()
    is_collecting = any(one.name == "collector" and one.pid is not None for one in group.status(settings))
    if not is_collecting:  # a second client of the same name would push the collector off its session
        service.open_session(settings)
