"""Compiled reading of regular tables of text: bytes in, times and numbers out. numba and numpy only.

All in one file: what is compiled is kept on disk, and made anew when its own file changes but not when one does that it
calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

SKIPPED_FIELD, STAMP_FIELD = -1, -2
"""What a field may be other than the number of a row."""

POWERS_OF_TEN = np.array([float(10**power) for power in range(23)])
"""The powers of ten that are exact; those of numpy may be rounded."""
MAX_EXACT = 1 << 53
"""Whole numbers up to this are exact."""
MAX_DIGITS = 18
"""Numbers with no more digits fit into 64 bits."""
MAX_EXPONENT = 1000
"""Larger ones are as good as this one."""
MIN_STAMP = 20
"""Characters of a stamp and of what ends it."""
ONE = np.uint64(1)
"""An unsigned place in a text spares the check for places counted from its end."""
DAY, MINUTE = 86_400 * 10**9, 60 * 10**9

QUOTE, RETURN, NEWLINE = ord('"'), ord("\r"), ord("\n")
ZERO, POINT, MINUS, PLUS, BLANK, COLON = ord("0"), ord("."), ord("-"), ord("+"), ord(" "), ord(":")
SMALL_E, LARGE_E = ord("e"), ord("E")


def kernel(function: F) -> F:
    """Compile a function, cached on disk where a folder for that can be written; as in ``fluxcalc``, unknown here."""
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:
        return cast(F, njit(function))


@kernel
def count(text: NDArray[np.uint8], character: int) -> int:
    """Count a character."""
    found = 0
    for one in text:
        found += one == character
    return found


@kernel
def divide(digits: int, power: float) -> float:
    """Divide a whole number by a power of ten, rounded once.

    Parameters
    ----------
    digits : int
        From 0 to 2**63 - 1.
    power : float
        One of ``POWERS_OF_TEN``.

    Returns
    -------
    float
        The double nearest to the quotient; NaN if it lies too close to the middle between two to tell.

    References
    ----------
    Dekker (1971), doi:10.1007/BF01397083: the error of a product
    """
    high = float(digits)
    low = float(digits - int(high))
    quotient = high / power
    # what the rounded quotient leaves, exactly: its product with the power in two parts
    split = 134217729.0 * quotient
    quotient_head = split - (split - quotient)
    quotient_tail = quotient - quotient_head
    split = 134217729.0 * power
    power_head = split - (split - power)
    power_tail = power - power_head
    product = quotient * power
    lost = quotient_tail * power_tail - (
        ((product - quotient_head * power_head) - quotient_tail * power_head) - quotient_head * power_tail
    )
    rest = (((high - product) - lost) + low) / power
    slack = quotient * 2.0**-98
    nearest = quotient + (rest - slack)
    return nearest if nearest == quotient + (rest + slack) else np.nan


@kernel
def count_leading_zeros(text: NDArray[np.uint8], i: np.uint64) -> int:
    """Count the zeros before a number's first other digit."""
    zeros = 0
    while text[i] == ZERO or text[i] == POINT:
        zeros += text[i] == ZERO
        i += ONE
    return zeros


@kernel
def read_exponent(text: NDArray[np.uint8], at: int) -> tuple[int, int, bool]:
    """Read what follows an ``e``: the exponent, the place behind it, and whether there is one."""
    negative = text[at] == MINUS
    if negative or text[at] == PLUS:
        at += 1
    first = at
    exponent = 0
    digit = int(text[at]) - ZERO
    while 0 <= digit <= 9:
        exponent = min(exponent * 10 + digit, MAX_EXPONENT)
        at += 1
        digit = int(text[at]) - ZERO
    return -exponent if negative else exponent, at, at > first


@kernel
def scale(digits: int, places: int) -> float:
    """Return digits / 10**places, rounded once; NaN if that needs another method."""
    if abs(places) >= POWERS_OF_TEN.size:
        return np.nan
    if digits <= MAX_EXACT:
        return float(digits / POWERS_OF_TEN[places] if places >= 0 else digits * POWERS_OF_TEN[-places])
    return divide(digits, POWERS_OF_TEN[places]) if places >= 0 else np.nan


@kernel
def read_number(text: NDArray[np.uint8], at: int) -> tuple[float, int, bool]:
    """Read a decimal number.

    Parameters
    ----------
    text : ndarray, uint8
        Ends with a character that no number has.
    at : int
        Where it should begin.

    Returns
    -------
    value : float
        Correctly rounded; NaN if that needs another method.
    end : int
        Place behind its last character.
    found : bool
        Whether it is a number so far.
    """
    i = np.uint64(at)
    negative = text[i] == MINUS
    if negative:
        i += ONE
    digits = places = 0
    start = i
    digit = int(np.int64(text[i])) - ZERO
    while 0 <= digit <= 9:
        digits = digits * 10 + digit
        i += ONE
        digit = int(np.int64(text[i])) - ZERO
    seen = int(np.int64(i - start))
    if digit == POINT - ZERO:
        i += ONE
        first = i
        digit = int(np.int64(text[i])) - ZERO
        while 0 <= digit <= 9:
            digits = digits * 10 + digit
            i += ONE
            digit = int(np.int64(text[i])) - ZERO
        places = int(np.int64(i - first))
        seen += places
    at = int(np.int64(i))
    if seen == 0:
        return np.nan, at, False
    if seen > MAX_DIGITS:
        seen -= count_leading_zeros(text, start)
    if text[at] == SMALL_E or text[at] == LARGE_E:
        exponent, at, found = read_exponent(text, at + 1)
        if not found:
            return np.nan, at, False
        places -= exponent
    if seen > MAX_DIGITS:
        return np.nan, at, True
    value = scale(digits, places)
    return -value if negative else value, at, True


@kernel
def read_digits(text: NDArray[np.uint8], first: int, last: int) -> int:
    """Read a whole number of digits alone; -1 if there is anything else."""
    value = 0
    for i in range(first, last):
        digit = int(text[i]) - ZERO
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@kernel
def read_minute(text: NDArray[np.uint8], at: int) -> int:
    """Read ``YYYY-MM-DD HH:MM``, sixteen characters. [ns since 1970]; -1 if it is none, or before 1970."""
    year, month, day = (
        read_digits(text, at, at + 4),
        read_digits(text, at + 5, at + 7),
        read_digits(text, at + 8, at + 10),
    )
    hour, minute = read_digits(text, at + 11, at + 13), read_digits(text, at + 14, at + 16)
    if text[at + 4] != MINUS or text[at + 7] != MINUS or text[at + 10] != BLANK or text[at + 13] != COLON:
        return -1
    if year < 1970 or year > 2200 or month < 1 or month > 12 or day < 1:
        return -1
    if hour < 0 or hour > 23 or minute < 0 or minute > 59:
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > (29 if leap else 28) if month == 2 else day > 30 + (month + month // 8) % 2:
        return -1
    # days with March as the first month of the year, so that the leap day is the last of it
    years = year if month > 2 else year - 1
    days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 719_469
    return days * DAY + (60 * hour + minute) * MINUTE


@kernel
def is_word(text: NDArray[np.uint8], first: int, last: int, words: NDArray[np.uint8], ends: NDArray[np.int64]) -> bool:
    """Tell whether a stretch of text is one of several words, which stand one after the other."""
    begin = 0
    for end in ends:
        if end - begin == last - first:
            same = True
            for i in range(end - begin):
                same = same and words[begin + i] == text[first + i]
            if same:
                return True
        begin = end
    return False


@kernel
def skip(text: NDArray[np.uint8], at: int, ends: NDArray[np.bool_]) -> int:
    """Return the place of the next character that ends a field."""
    i = np.uint64(at)
    while not ends[text[i]]:
        i += ONE
    return int(np.int64(i))


@kernel
def skip_word(
    text: NDArray[np.uint8],
    at: int,
    ends: NDArray[np.bool_],
    words: NDArray[np.uint8],
    word_ends: NDArray[np.int64],
) -> int:
    """Return the place behind a field that is one of several words; -1 if it is none of them."""
    end = skip(text, at, ends)
    return end if is_word(text, at, end, words, word_ends) else -1


@kernel
def read_stamp(text: NDArray[np.uint8], at: int, minute_at: int, minute: int) -> tuple[int, int, int]:
    """Read ``YYYY-MM-DD HH:MM:SS`` and up to six digits of a fraction, if there is one.

    Parameters
    ----------
    minute_at, minute : int
        Where an earlier stamp begins, -1 if there is none, and its minute: most agree up to there. [ns since 1970]

    Returns
    -------
    stamp : int
        [ns since 1970]
    end : int
        Place behind it; -1 if it is none.
    minute : int
        Its minute. [ns since 1970]
    """
    if at + MIN_STAMP > text.size:
        return -1, -1, -1
    same = minute_at >= 0
    if same:
        for i in range(16):
            same = same and text[minute_at + i] == text[at + i]
    if not same:
        minute = read_minute(text, at)
    second = read_digits(text, at + 17, at + 19)
    if minute < 0 or text[at + 16] != COLON or second < 0 or second > 59:
        return -1, -1, -1
    end = at + 19
    fraction = 0
    if text[end] == POINT:
        first = end + 1
        end = first
        while ZERO <= text[end] < ZERO + 10:
            end += 1
        if end == first or end > first + 6:
            return -1, -1, -1
        fraction = read_digits(text, first, end) * 10 ** (6 - (end - first))
    return minute + second * 10**9 + fraction * 1000, end, minute


@kernel
def mark_ends(separator: int) -> NDArray[np.bool_]:
    """Return which characters end a field."""
    ends = np.zeros(256, np.bool_)
    for one in (separator, NEWLINE, RETURN, QUOTE):
        ends[one] = True
    return ends


@kernel
def read_table(
    text: NDArray[np.uint8],
    separator: int,
    fields: NDArray[np.int64],
    words: NDArray[np.uint8],
    word_ends: NDArray[np.int64],
    stamps: NDArray[np.int64],
    values: NDArray[np.float64],
    hard: NDArray[np.int64],
) -> int:
    """Read lines that are all alike.

    A field may stand in quotes, which hold neither quotes nor separators; CRLF ends a line as LF does.

    Parameters
    ----------
    text : ndarray, uint8
        Whole lines, at least one for each stamp.
    separator : int
        Character between fields.
    fields : ndarray, shape (k,), int64
        What each field is: a row of ``values``, ``STAMP_FIELD`` (``YYYY-MM-DD HH:MM:SS[.ffffff]``) or
        ``SKIPPED_FIELD``.
    words, word_ends : ndarray, uint8 and int64
        Words that stand for a missing number, one after the other, and where each ends.
    stamps : ndarray, shape (n,), int64
        Receives the stamps. [ns since 1970]
    values : ndarray, shape (rows, n), float64
        Receives the numbers; NaN is missing.
    hard : ndarray, shape (m, 4), int64
        Receives numbers that need another method: row, line, and where they begin and end in the text.

    Returns
    -------
    int
        Numbers left to another method; -1 if a line is not like the others, or if these are more than m.
    """
    # in one piece: a call that is handed arrays costs more than what is done with a field
    ends = mark_ends(separator)
    at = left = minute = 0
    minute_at = -1
    for line in range(stamps.size):
        for k in range(fields.size):
            quoted = text[at] == QUOTE
            first = at + 1 if quoted else at
            field = fields[k]
            if field >= 0:
                value, at, good = read_number(text, first)
                values[field, line] = value
                if good and not quoted and ends[text[at]]:
                    if np.isnan(value):
                        if left == hard.shape[0]:
                            return -1
                        hard[left, 0], hard[left, 1], hard[left, 2], hard[left, 3] = field, line, first, at
                        left += 1
                else:
                    values[field, line] = np.nan
                    at = skip_word(text, first, ends, words, word_ends)
                    if at < 0:
                        return -1
            elif field == STAMP_FIELD:
                stamps[line], at, minute = read_stamp(text, first, minute_at, minute)
                if at < 0:
                    return -1
                minute_at = first
            else:
                at = skip(text, first, ends)
            if quoted:
                if text[at] != QUOTE:
                    return -1
                at += 1
            is_last = k == fields.size - 1
            if is_last and text[at] == RETURN:
                at += 1
            if text[at] != (NEWLINE if is_last else separator):
                return -1
            at += 1
    return left
