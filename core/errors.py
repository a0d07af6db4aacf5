"""Typed errors for bad input from outside: each says what is wrong, where, and the remedy.

Bad *data* is never an exception: it is NaN plus a flag.
"""

from __future__ import annotations

from collections.abc import Sequence


class FluxTowerError(Exception):
    """Root of every error that Fluxtower raises on purpose."""


class ConfigError(FluxTowerError):
    """A configuration (station file, settings) that cannot be used.

    Parameters
    ----------
    file : str
        File, or the environment, that holds the key.
    key : str
        Dotted key, e.g. ``sonic.height``.
    expected, got : str
        What is accepted there and what was found.
    line : int, optional
        Line of the key, or of the part in which it is missing.
    more : sequence of ConfigError
        Other mistakes of the same file.
    """

    def __init__(
        self,
        file: str,
        key: str,
        expected: str,
        got: str,
        line: int | None = None,
        more: Sequence[ConfigError] = (),
    ) -> None:
        self.file, self.key, self.expected, self.got, self.line, self.more = file, key, expected, got, line, more
        at = "" if line is None else f" line {line}:"
        others = f" (and {len(more)} more)" if more else ""
        super().__init__(f"{file}:{at} {key}: expected {expected}, got {got}{others}")


class PayloadError(FluxTowerError):
    """Bytes that cannot be turned into a record; they are kept in the ``reject`` table.

    Parameters
    ----------
    reason : str
        What is wrong and, where it helps, what was expected.
    topic, station : str, optional
        Where the bytes came from; filled in by the caller that knows.
    offset : int, optional
        Byte offset of the fault.
    """

    def __init__(self, reason: str, *, topic: str = "", station: str = "", offset: int | None = None) -> None:
        self.reason, self.topic, self.station, self.offset = reason, topic, station, offset
        where = f"{topic}: " if topic else ""
        at = f" (byte {offset})" if offset is not None else ""
        super().__init__(f"{where}{reason}{at}")


class UnknownStation(FluxTowerError):
    """No station of that id is registered."""

    def __init__(self, station: str) -> None:
        self.station = station
        super().__init__(f"unknown station {station!r}: register it with `fluxtower station add FILE.toml`")


class UnknownRun(FluxTowerError):
    """There is no season run of that number (any more)."""

    def __init__(self, run: int, was: str = "") -> None:
        self.run = run
        why = f", {was}" if was else ""
        super().__init__(f"unknown run {run}{why}: `fluxtower run list` lists the season runs")


class UnknownRelease(FluxTowerError):
    """There is no release of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"unknown release {name!r}: `fluxtower release list` lists them")


class ReleaseError(FluxTowerError):
    """A run that cannot be released, or a release that cannot be used; says why."""

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"{detail}: {remedy}")


class UnknownWebhook(FluxTowerError):
    """There is no webhook of that number."""

    def __init__(self, id: int) -> None:
        self.id = id
        super().__init__(f"unknown webhook {id}: `fluxtower webhook list` lists them")


class AccountExists(FluxTowerError):
    """There is a user of that name already."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is a user {name!r} already: `fluxtower user list` lists them")


class UnknownAccount(FluxTowerError):
    """There is no user of that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"unknown user {name!r}: `fluxtower user list` lists them")


class UnknownKey(FluxTowerError):
    """There is no API key of that number."""

    def __init__(self, id: int) -> None:
        self.id = id
        super().__init__(f"unknown key {id}: `fluxtower key list` lists them")


class UnknownVariable(FluxTowerError):
    """A name that is neither in the variables table nor declared by the station."""

    def __init__(self, variable: str, where: str = "") -> None:
        self.variable, self.where = variable, where
        at = f" in {where}" if where else ""
        super().__init__(f"unknown variable {variable!r}{at}: `fluxtower variables` lists the known ones")


class StoreError(FluxTowerError):
    """The database refused an operation."""


class StoreUnavailable(StoreError):
    """The database cannot be reached: back off, try again, do not acknowledge."""


class ReviewError(FluxTowerError):
    """A review that cannot be signed; says what is missing."""

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"{detail}: {remedy}")


class ExportError(FluxTowerError):
    """A format that a station's data cannot be written in.

    Parameters
    ----------
    detail, remedy : str
        What is missing, and what to do.
    """

    def __init__(self, detail: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(f"{detail}: {remedy}")


class ProcessingError(FluxTowerError):
    """A step of a half-hour failed: the interval is marked and the work goes on."""

    def __init__(self, step: str, station: str, interval: str, reason: str) -> None:
        self.step, self.station, self.interval, self.reason = step, station, interval, reason
        super().__init__(f"{station} {interval}: step {step} failed: {reason}")


class SeriesError(FluxTowerError):
    """A series of an instrument that cannot be used as it is: where, what is wrong, and the remedy."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        self.where, self.what, self.remedy = where, what, remedy
        super().__init__(f"{where}: {what}: {remedy}")


class SetupError(FluxTowerError):
    """The machine cannot run what was asked (no network, a taken port, a full disk); says the remedy."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}\n  remedy: {remedy}")
