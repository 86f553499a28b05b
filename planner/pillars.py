"""Pillars: their target shares cannot be more than everything."""

from collections.abc import Iterable

from planner.errors import Conflict
from planner.mix import WHOLE_BP, percent


class SharesOverflow(Conflict):
    """The pillars' shares add up to more than 100 percent."""


def check_shares(shares_bp: Iterable[int]) -> None:
    """Refuse shares (basis points of all posts) of more than the whole; raises `SharesOverflow`."""
    total = sum(shares_bp)
    if total > WHOLE_BP:
        raise SharesOverflow(total=str(percent(total)))
