"""Passwords that people chose, as slow hashes (Argon2id)."""

from __future__ import annotations

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

MIN_LENGTH = 12
_HASHER = PasswordHasher()


def hash_password(password: str) -> str:
    """Return what is kept of a password; takes a fifth of a second on purpose."""
    return _HASHER.hash(password)


def is_password(password: str, kept: str | None) -> bool:
    """Whether a password is the one of which something is kept; takes as long if nothing is."""
    try:
        _HASHER.verify(kept or _hash_of_nobody(), password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return kept is not None


@cache
def _hash_of_nobody() -> str:
    return hash_password(secrets.token_urlsafe(16))
