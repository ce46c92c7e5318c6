from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tfp_index.panel.files import read_file, write_file


def save(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("xã;grdp\nHạ Long;1.234,5\n", 1234.5),
        ("xã;grdp\nHạ Long;12,5\n", 12.5),
        ("xã;grdp\nHạ Long;1234567\n", 1234567),
        ("xã;grdp\nHạ Long;1.234.567\nCẩm Phả;1,5\n", 1234567),
        ("xã;grdp\nHạ Long;3.14\n", 3.14),
        ("xã,grdp\nHạ Long,1234.5\n", 1234.5),
        ("\ufeffxã,grdp\nHạ Long,1234.5\n", 1234.5),
    ],
)
def test_numbers_of_both_languages(tmp_path, text, value):
    frame = read_file(save(tmp_path, text))
    assert list(frame.columns) == ["xã", "grdp"]
    assert frame["grdp"].iloc[0] == value


def test_a_point_that_may_mean_either_is_refused(tmp_path):
    with pytest.raises(tfp.FileError) as error:
        read_file(save(tmp_path, "xã;grdp\nHạ Long;1.234\n"))
    assert error.value.code == "ambiguous_numbers"
    assert error.value.remedy


@pytest.mark.parametrize("mark", [",", ";"])
def test_codes_keep_their_leading_zeros(tmp_path, mark):
    text = "mst,year,x,zero\n0100109106,2020,1,0\n5700100256,2020,2,0\n".replace(",", mark)
    frame = read_file(save(tmp_path, text))
    assert frame["mst"].tolist() == ["0100109106", "5700100256"]
    assert frame["x"].sum() == 3
    assert frame["zero"].sum() == 0


def test_tabs_and_gzip(tmp_path):
    frame = read_file(save(tmp_path, "a\tb\n1\t2\n", "data.tsv"))
    assert frame["b"].tolist() == [2]
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a;b\n1;2,5\n"))
    assert read_file(path)["b"].tolist() == [2.5]


@pytest.mark.parametrize("name", ["data.xlsx", "data.parquet"])
def test_other_types(tmp_path, name):
    frame = pd.DataFrame({"xã": ["Hạ Long"], "x": [1.5]})
    path = tmp_path / name
    frame.to_excel(path, index=False) if name.endswith("xlsx") else frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_file(path), frame)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("no.csv", None, "file_not_found"),
        ("data.docx", b"x", "unknown_file_type"),
        ("data.xlsx", b"not a workbook", "unreadable_file"),
        ("data.parquet", b"not parquet", "unreadable_file"),
        ("data.csv", b"a,b\n\xff\xfe,1\n", "unreadable_file"),
        ("data.csv", b"", "unreadable_file"),
        ("data.csv", b"a,b\n1,2\n1,2,3,4\n", "unreadable_file"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, code):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(tfp.FileError) as error:
        read_file(path)
    assert error.value.code == code


def test_csv_opens_in_a_spreadsheet_and_formulas_are_inert(tmp_path):
    names = np.array(["Hạ Long", "=cmd|' /C calc'!A0", "+1", "-2+3", "@x"], object)
    path = write_file({"xã": names, "x": np.arange(5.0)}, tmp_path / "out.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    back = read_file(path)
    assert back["xã"].tolist() == ["Hạ Long", *(f"'{name}" for name in names[1:])]


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(tfp.FileError) as error:
        write_file({"x": np.ones(1)}, tmp_path / "nowhere" / "out.csv")
    assert error.value.code == "unwritable_file"
