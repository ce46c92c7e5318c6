"""Workbooks with several sheets, and columns whose labels are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.panel.files import read_workbook_frames
from tfp_index.panel.frames import FrameReader


def test_columns_labeled_by_years_are_read():
    frame = pd.DataFrame({"industry": ["A", "B"], 1997: [1.0, 2.0], 1998: [3.0, 4.0]})
    reader = FrameReader(frame)
    assert reader.names == ("industry", "1997", "1998")
    assert reader.numbers("1998").tolist() == [3.0, 4.0]


def test_sheets_with_headers_in_rows_of_their_own(tmp_path):
    path = tmp_path / "book.xlsx"
    data = pd.DataFrame({"x": [1.0, 2.0]})
    with pd.ExcelWriter(path) as book:
        data.to_excel(book, sheet_name="first", index=False)
        data.to_excel(book, sheet_name="second", index=False, startrow=1)
        book.sheets["second"].cell(1, 1, "a title")
    found = read_workbook_frames(path, {"second": 1, "absent": 0, "first": 0})
    assert list(found) == ["second", "first"]
    for frame in found.values():
        np.testing.assert_array_equal(frame["x"], data["x"])
    with pytest.raises(tfp.FileError, match="none of the sheets 'firts'") as caught:
        read_workbook_frames(path, {"firts": 0})
    assert "did you mean 'first'" in caught.value.remedy
