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


@lru_cache(maxsize=200_000)
def double_text(text: str) -> str:
    """The nearest double in its shortest digits, as Java writes it: `1.5`, `1.0E7`."""
    number = float(text)
    if number in (float("inf"), float("-inf")):
        return '"Infinity"' if number > 0 else '"-Infinity"'
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    if not any(digits):
        return "-0.0" if sign else "0.0"
    written = "".join(map(str, digits))
    power = int(exponent) + len(written) - 1
    mark = "-" if sign else ""
    if -3 <= power < 7:
        return mark + _plain_decimal(written, power)
    return f"{mark}{written[0]}.{written[1:] or '0'}E{power}"


def _plain_decimal(digits: str, power: int) -> str:
    if power < 0:
        return "0." + "0" * (-power - 1) + digits
    whole = digits[: power + 1].ljust(power + 1, "0")
    return f"{whole}.{digits[power + 1 :] or '0'}"
