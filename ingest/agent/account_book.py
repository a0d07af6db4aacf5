"""The accounts of all files of a spool: sums of each stream, and those files with something out of the ordinary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ingest.agent.file_account import FollowedAccount
from ingest.agent.file_position import FilePosition

MAX_SHOWN = 20
"""Most files of a stream whose accounts are shown: thousands of whole ones would only take memory."""


@dataclass(slots=True)
class StreamAccounts:
    """The accounts of a stream's files.

    Attributes
    ----------
    files, with_rest : int
        Files read, and those of which something was left out.
    records, used, repeated : int
        In all of them.
    shown : dict of str to FilePosition
        The last ones with a rest, and the one that was read last; by fingerprint.
    """

    files: int = 0
    with_rest: int = 0
    records: int = 0
    used: int = 0
    repeated: int = 0
    shown: dict[str, FilePosition] = field(default_factory=dict)
    _last: str = ""

    def put(self, before: FilePosition | None, after: FilePosition) -> None:
        """Take a file's account in place of the one before.

        Parameters
        ----------
        before, after : FilePosition
            How far it was read, None if it was not yet; how far it is read now.
        """
        if before is not None and before.offset and before.account is not None:
            self._add(before.account, -1)
        if self._last and self._last in self.shown and not _has_rest(self.shown[self._last]):
            del self.shown[self._last]
        self.shown.pop(after.file, None)
        if not after.offset or after.account is None:
            return
        self._add(after.account, 1)
        self._last = after.file
        self.shown[after.file] = after
        while len(self.shown) > MAX_SHOWN:
            del self.shown[next(iter(self.shown))]

    def as_json(self) -> dict[str, Any]:
        """Return it for a status."""
        return {
            "files": self.files,
            "files_with_rest": self.with_rest,
            "records": self.records,
            "used": self.used,
            "accounts": [one.account.as_json(one.offset) for one in self.shown.values() if one.account is not None],
        }

    def describe(self) -> str:
        """Say it for the log."""
        rest = f", {self.with_rest} with something left out" if self.with_rest else ""
        return f"{self.records:,} records in {self.files:,} files{rest}: {self.used:,} used, {self.repeated:,} repeated"

    def _add(self, account: FollowedAccount, sign: int) -> None:
        self.files += sign
        self.with_rest += sign * bool(account.left_out)
        self.records += sign * account.records
        self.used += sign * account.used
        self.repeated += sign * account.repeated


def _has_rest(position: FilePosition) -> bool:
    account = position.account
    return account is not None and (bool(account.left_out) or account.bytes != position.offset)
