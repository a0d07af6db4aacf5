"""The rules of all streams of readings, kept in memory; what was judged by other rules is judged again."""

from __future__ import annotations

import logging
from datetime import datetime

from core.errors import FluxTowerError
from core.store import Store
from qc.judge.rules import StreamRules, rules_of

log = logging.getLogger(__name__)


class RuleBook:
    """The rules of streams by their keys, as last read.

    Parameters
    ----------
    store : Store
        Where station files are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules: dict[int, StreamRules] = {}
        self._known = False
        self._learnt: dict[int, datetime] = {}
        self._given_up: set[int] = set()

    @property
    def given_up(self) -> frozenset[int]:
        """Streams (by key) that cannot be judged, until their station files change."""
        return frozenset(self._given_up)

    def give_up(self, stream: int) -> None:
        """Leave a stream alone."""
        self._given_up.add(stream)

    def refresh(self) -> set[int]:
        """Read station files that are new or have changed; return the streams whose rules are new.

        Raises
        ------
        StoreError
            They cannot be read.
        """
        changed = self._store.catalogue.refresh()
        learnt = self._store.judgements.read_climatologies()
        newer = {stream for stream, (time, _) in learnt.items() if self._learnt.get(stream) != time}
        if self._known and not changed and not newer:
            return set()
        found: dict[int, StreamRules] = {}
        for stream in self._store.stations.read_streams(None):
            is_other = stream.station in changed or stream.key in newer or not self._known
            if stream.kind == "reading" and is_other:
                try:
                    station = self._store.catalogue.station(stream.station)
                    found[stream.key] = rules_of(stream, station, learnt.get(stream.key, (None, None))[1])
                    self._given_up.discard(stream.key)
                except FluxTowerError as error:
                    log.error("readings of %s are not judged: %s", stream.station, error)
                    self._given_up.add(stream.key)
        self._learnt = {stream: time for stream, (time, _) in learnt.items()}
        stored = self._store.judgements.read_rules()
        new = {key: rules for key, rules in found.items() if stored.get(key) != rules.digest}
        if new:
            self._store.judgements.put_rules({key: rules.digest for key, rules in new.items()})
        # the rules hold the whole station file, of which other parts may have changed
        self._rules.update(found)
        self._known = True
        return set(new)

    def find(self, stream: int) -> StreamRules | None:
        """Return the rules of a stream by its key, None if it was not there when they were read."""
        return self._rules.get(stream)
