"""The judge sees what is lost, doubled, stuck and denied: a siege is worth what its judge is."""

import pytest

from tests.chaos.judging import End, Placed

ONE = {kind: Placed(f"{kind}/a", ("Halo",)) for kind in ("idem", "handle", "search", "blind")}
THREAD = Placed("idem/a", ("1", "2"))


@pytest.mark.parametrize(
    ("end", "faults"),
    [
        (End(ONE["idem"], "published", (1,)), set()),
        (End(ONE["idem"], "published", (2,)), {"doubled"}),
        (End(ONE["idem"], "published", (0,)), {"lost"}),
        (End(THREAD, "published", (1, 1)), set()),
        (End(THREAD, "published", (1, 0)), {"lost"}),
        (End(THREAD, "published", (1, 2)), {"doubled"}),
        (End(THREAD, "published", (1, 1), chained=False), {"unchained"}),
        (End(ONE["blind"], "published", (1,), named=False), {"misnamed"}),
        (End(ONE["blind"], "published", (1,), announced=False), {"unannounced"}),
        (End(ONE["blind"], "published", (1,), logged=False), {"unlogged"}),
        (End(ONE["blind"], "needs_review", (1,)), set()),
        (End(ONE["blind"], "needs_review", (0,)), set()),
        (End(ONE["blind"], "needs_review", (0,), attempts=0), {"flagged"}),
        (End(ONE["search"], "needs_review", (1,)), {"flagged"}),
        (End(ONE["handle"], "needs_review", (1,), crashes=2), {"flagged"}),
        (End(ONE["idem"], "needs_review", (1,), crashes=7), {"flagged"}),
        (End(ONE["idem"], "needs_review", (1,), crashes=8), set()),
        (End(ONE["idem"], "failed", (0,), crashes=3), set()),
        (End(ONE["idem"], "failed", (1,), crashes=3), {"denied"}),
        (End(ONE["idem"], "failed", (0,)), {"lost"}),
        (End(ONE["idem"], "missed", (0,)), {"lost"}),
        (End(ONE["idem"], "missed", (1,)), {"lost", "denied"}),
        (End(ONE["idem"], "cancelled", (0,)), {"lost"}),
        (End(ONE["idem"], "scheduled", (0,)), {"stuck"}),
        (End(ONE["idem"], "processing", (1,)), {"stuck"}),
    ],
)
def test_what_is_wrong_with_an_end(end: End, faults: set[str]) -> None:
    assert end.faults == faults
