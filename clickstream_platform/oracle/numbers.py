"""Decimal and whole numbers from text, exactly (DEFINITIONS, reading a line, 6)."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache

DECIMAL_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
CENT = Decimal("0.01")
PRICE_LIMIT = Decimal(10) ** 10
WHOLE_LIMIT = 2**63


@lru_cache(maxsize=200_000)
def price(text: str) -> Decimal | None:
    """The amount rounded half up (away from zero) to cents; null if no number or from 10^10 on."""
    number = _number(text)
    if number is None or _exponent(number) > 10:
        return None
    if _exponent(number) < -4:
        return Decimal("0.00")
    rounding = Context(prec=len(text) + 20, rounding=ROUND_HALF_UP)
    cents = number.quantize(CENT, context=rounding)
    return cents if abs(cents) < PRICE_LIMIT else None


@lru_cache(maxsize=200_000)
def whole_number(text: str) -> int | None:
    """The number if it is whole by value and fits 64 bits (`2.0` and `2e0` are 2)."""
    number = _number(text)
    if number is None or _exponent(number) > 20:
        return None
    if number == 0:
        return 0
    if _exponent(number) < 0 or number != int(number):
        return None
    whole = int(number)
    return whole if -WHOLE_LIMIT <= whole < WHOLE_LIMIT else None


def _number(text: str) -> Decimal | None:
    if not DECIMAL_NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what decimals can hold
        return None


def _exponent(number: Decimal) -> int:
    """The power of ten of the first digit; 0 for zero."""
    return number.adjusted() if number else 0
