"""Exports: no cell is a formula, and nothing is lost."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.exports import DANGEROUS, csv_text, harmless, jsonl_text, revealed

CELLS = st.text(st.characters(codec="utf-8") | st.sampled_from([*DANGEROUS, "'", ",", '"']))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=4))
@pytest.mark.untraced
def test_no_cell_of_an_export_begins_as_a_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows), newline=""), strict=True))

    assert not any(cell.startswith(tuple(DANGEROUS)) for row in read for cell in row)
    assert [[revealed(cell) for cell in row] for row in read] == rows


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("@kantor", "'@kantor"),
        ("\ttab", "'\ttab"),
        ("\uff1d1", "'\uff1d1"),
        ("'kutipan'", "'kutipan'"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_an_apostrophe_goes_before_what_would_be_a_formula(cell: str, expected: str) -> None:
    assert (harmless(cell), revealed(expected)) == (expected, cell)


def test_values_are_written_as_a_table_has_them() -> None:
    row = [None, True, False, -3, ["a", "b"], {"b": 1, "a": "é"}, 'x"y\nz']

    assert csv_text([row]) == ',true,false,-3,a;b,"{""a"":""é"",""b"":1}","x""y\nz"\r\n'


def test_json_lines_are_one_object_each() -> None:
    rows: list[dict[str, str | None]] = [{"a": "x\ny\u2028z"}, {"a": None}]

    assert [json.loads(line) for line in jsonl_text(rows).split("\n")[:-1]] == rows
