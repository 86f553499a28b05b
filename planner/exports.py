"""Exports: rows as CSV that no spreadsheet takes for formulas, and as JSON Lines."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from planner.content import canonical

DANGEROUS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""With these a cell begins that a spreadsheet may take for a formula; some read the wide ones."""

_FORMULA = re.compile(f"'*[{re.escape(DANGEROUS)}]")
_REVEALED = re.compile(f"'+[{re.escape(DANGEROUS)}]")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe goes before it.

    A cell that looks as if this had been done to it gets one more, so that `revealed` returns
    what was there.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def revealed(cell: str) -> str:
    """Return what `harmless` was given."""
    return cell[1:] if _REVEALED.match(cell) else cell


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV with CRLF (RFC 4180); null is empty, lists have `;` between.

    Numbers stand as they are, negative ones too: they are no formulas.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def jsonl_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as JSON Lines: one object on each line."""
    return "".join(canonical(row) + "\n" for row in rows)


def _cell(value: Any) -> str:
    if isinstance(value, int | float | Decimal):
        return _written(value)
    return harmless(_written(value))


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ";".join(value)
    return canonical(value) if isinstance(value, dict) else str(value)
