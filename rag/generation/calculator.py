"""Arithmetic for a model that must not add up by itself: exact decimals, a grammar of its own, no code is ever run.

Numbers may be written as documents write them: `1,204.5`, `$3`, `12%`. Arguments of functions are parted by semicolons, because
a comma parts thousands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Final

from rag.errors import RagError

LONGEST: Final = 400
"""Characters of an expression."""
_DEEPEST: Final = 40
_LARGEST_POWER: Final = 200
_CONTEXT: Final = Context(prec=28, Emax=999, Emin=-999, traps=[InvalidOperation, DivisionByZero, Overflow])
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)|(?P<name>[a-z]+)|(?P<sign>\*\*|[-+*/^()%;]))"
)
_FOLDED = str.maketrans(
    {"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/", "$": "", "€": "", "£": "", "_": "", "\u00a0": " "}
)


class CalculatorError(RagError):
    """An expression cannot be worked out."""


def compute(expression: str) -> Decimal:
    """Return the value of an expression. Raises `CalculatorError` with a sentence that says what is wrong.

    >>> print(compute("(1,204.5 - 1,000) / 1,000 * 100"))
    20.45
    >>> print(compute("mean(2; 4; 12%)"))
    2.04
    """
    if len(expression) > LONGEST:
        raise CalculatorError(f"The expression has more than {LONGEST} characters; work it out in parts.")
    try:
        return _Parser(_tokens(expression.casefold().translate(_FOLDED))).value()
    except DivisionByZero:
        raise CalculatorError("The expression divides by zero.") from None
    except (InvalidOperation, Overflow):
        raise CalculatorError("The result is too large or not defined.") from None


def written(value: Decimal) -> str:
    """Return a value with thousands parted and no more than ten decimals."""
    if abs(value) >= Decimal("1e21"):
        return f"{value:.6E}"
    text = f"{_CONTEXT.quantize(value, Decimal('1e-6')) if abs(value) < Decimal('1e21') else value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers(expression: str) -> list[str]:
    """Return the numbers of an expression as they are written in it."""
    return re.findall(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+", expression)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CalculatorError(
                f"{text[at : at + 12].strip()!r} cannot be read; use numbers, + - * / ^ %, brackets and functions."
            )
        found.append(match[match.lastgroup or "sign"])
        at = match.end()
    return found


def _mean(values: Sequence[Decimal]) -> Decimal:
    return _CONTEXT.divide(_sum(values), Decimal(len(values)))


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = _CONTEXT.add(total, value)
    return total


def _round(values: Sequence[Decimal]) -> Decimal:
    places = int(values[1]) if len(values) == 2 else 0
    if len(values) > 2 or not 0 <= places <= 10:
        raise CalculatorError("round takes a number and, after a semicolon, how many decimals, 0 to 10.")
    return _CONTEXT.quantize(values[0], Decimal(1).scaleb(-places))


_FUNCTIONS: Final[dict[str, Callable[[Sequence[Decimal]], Decimal]]] = {
    "sum": _sum, "mean": _mean, "average": _mean, "min": min, "max": max, "round": _round,
    "abs": lambda values: abs(values[0]), "sqrt": lambda values: _CONTEXT.sqrt(values[0]),
}  # fmt: skip


class _Parser:
    """Reads tokens by the usual precedence; `^` binds to the right and a percent sign behind a number divides by 100."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def value(self) -> Decimal:
        if not self._tokens:
            raise CalculatorError("The expression is empty.")
        result = self._terms()
        if self._at < len(self._tokens):
            raise CalculatorError(f"{self._tokens[self._at]!r} is not expected there.")
        return result

    def _take(self, *wanted: str) -> str:
        """Return the next token when it is one of those, else nothing."""
        if self._at < len(self._tokens) and self._tokens[self._at] in wanted:
            self._at += 1
            return self._tokens[self._at - 1]
        return ""

    def _terms(self) -> Decimal:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise CalculatorError("The expression has too many brackets; work it out in parts.")
        result = self._factors()
        while sign := self._take("+", "-"):
            other = self._factors()
            result = _CONTEXT.add(result, other) if sign == "+" else _CONTEXT.subtract(result, other)
        self._depth -= 1
        return result

    def _factors(self) -> Decimal:
        result = self._signed()
        while sign := self._take("*", "/"):
            other = self._signed()
            result = _CONTEXT.multiply(result, other) if sign == "*" else _CONTEXT.divide(result, other)
        return result

    def _signed(self) -> Decimal:
        negative = False
        while sign := self._take("-", "+"):
            negative ^= sign == "-"
        result = self._power()
        return _CONTEXT.minus(result) if negative else result

    def _power(self) -> Decimal:
        base = self._percent()
        if not self._take("^", "**"):
            return base
        exponent = self._exponent()
        if abs(exponent) > _LARGEST_POWER:
            raise CalculatorError(f"Powers go up to {_LARGEST_POWER}.")
        return _CONTEXT.power(base, exponent)

    def _exponent(self) -> Decimal:
        negative = bool(self._take("-"))
        value = self._power()
        return -value if negative else value

    def _percent(self) -> Decimal:
        result = self._atom()
        while self._take("%"):
            result = _CONTEXT.divide(result, Decimal(100))
        return result

    def _atom(self) -> Decimal:
        if self._at >= len(self._tokens):
            raise CalculatorError("The expression ends too early.")
        word = self._tokens[self._at]
        self._at += 1
        if word == "(":
            result = self._terms()
            self._close()
            return result
        if word[0].isdigit() or word[0] == ".":
            return _CONTEXT.create_decimal(word.replace(",", ""))
        if word in _FUNCTIONS:
            return _FUNCTIONS[word](self._arguments(word))
        known = ", ".join(_FUNCTIONS)
        raise CalculatorError(f"{word!r} is not expected there; the functions are {known}.")

    def _arguments(self, name: str) -> list[Decimal]:
        if not self._take("("):
            raise CalculatorError(f"{name} wants its numbers in brackets, parted by semicolons.")
        values = [self._terms()]
        while self._take(";"):
            values.append(self._terms())
        self._close()
        return values

    def _close(self) -> None:
        if not self._take(")"):
            raise CalculatorError("A bracket is not closed.")
