"""What a person says of readings, checked and carried out."""

from __future__ import annotations

from datetime import datetime

from core.clock import to_ns
from core.errors import ConfigError
from core.store import Corrected, Correction, Store
from qc.codes import BAD
from qc.judge import StreamRules, judge_part, read_rules
from qc.judge.flags import Statement
from qc.judge.stretch import MICROSECOND


def correct(store: Store, correction: Correction) -> Corrected:
    """Flag, unflag or delete readings; what was computed of them is computed anew.

    A flagged reading keeps what the person says, whatever the checks find; an unflagged one has what they find again.

    Raises
    ------
    ConfigError
        An empty period, a channel that the stream has not, or no reading in the period.
    UnknownStation, StoreError
        The station, or a stream of readings of that name, is not registered.
    """
    period = f"{correction.start:%Y-%m-%dT%H:%M:%SZ} to {correction.end:%Y-%m-%dT%H:%M:%SZ}"
    if not correction.start < correction.end:
        raise ConfigError("command line", "--from, --to", "a begin before the end", period)
    if not correction.reason.strip():
        raise ConfigError("command line", "--reason", "why", "nothing")
    layouts = read_rules(store, correction.station, correction.stream)
    found = store.corrections.count(correction.station, correction.stream, correction.start, correction.end)
    if not found:
        where = f"{correction.station}/{correction.stream}"
        raise ConfigError("command line", "--from, --to", f"a period (UTC) with readings of {where}", period)
    known = {name for rules in layouts for name in rules.stream.channels}
    for name in correction.channels:
        if name not in known:
            raise ConfigError("command line", "--channel", f"one of {', '.join(sorted(known))}", name)
    if correction.action == "delete":
        return store.corrections.delete(correction)
    return _flag(store, correction, layouts, found)


def _flag(store: Store, correction: Correction, layouts: list[StreamRules], found: int) -> Corrected:
    """Note what a person says of channels, and give the readings the flags that hold then; all of it, or nothing."""
    flag = None if correction.action == "unflag" else correction.flag or BAD
    due = 0
    with store.judgements.working() as work:
        for rules in layouts:
            said = correction.channels or rules.stream.channels
            channels = [name for name in rules.stream.channels if name in said]
            work.put_manual(rules.stream, correction.start, correction.end, channels, flag)
            statement = Statement(
                channels,
                None if flag is None else correction.reason.strip(),
                to_ns(correction.start),
                to_ns(correction.end),
            )
            begin: datetime | None = correction.start
            while begin is not None:
                part = judge_part(work, rules, begin, correction.end - MICROSECOND, statement)
                due, begin = due + part.due, part.rest
        work.request([rules.stream.key for rules in layouts], correction.start, correction.start)
        dropped = store.corrections.note(work, correction, found)
    return Corrected(found, due, dropped)
