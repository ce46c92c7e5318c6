"""Administrative units of Quảng Ninh before and after 1 July 2025, with their codes and source.

The resolution abolished the district level. Which commune took over which part of a district is
not bundled: several old communes were split, so that needs an allocation table of the user's own
(see `Concordance.quang_ninh`).
"""

from __future__ import annotations

from tfp_index.panel.table import Table

__all__ = ["COMMUNES", "DISTRICTS", "EFFECTIVE", "units"]

EFFECTIVE = "2025-07-01"
"""First day without districts."""

DISTRICT_SOURCE = "General Statistics Office, list of administrative units, province 22"
COMMUNE_SOURCE = (
    "Resolution 1679/NQ-UBTVQH15 of 16 June 2025; codes cross-checked with two public code lists"
)

DISTRICTS = {
    "193": ("Hạ Long", "thành phố"),
    "194": ("Móng Cái", "thành phố"),
    "195": ("Cẩm Phả", "thành phố"),
    "196": ("Uông Bí", "thành phố"),
    "198": ("Bình Liêu", "huyện"),
    "199": ("Tiên Yên", "huyện"),
    "200": ("Đầm Hà", "huyện"),
    "201": ("Hải Hà", "huyện"),
    "202": ("Ba Chẽ", "huyện"),
    "203": ("Vân Đồn", "huyện"),
    "205": ("Đông Triều", "thị xã"),
    "206": ("Quảng Yên", "thị xã"),
    "207": ("Cô Tô", "huyện"),
}
"""The 13 district-level units to 30 June 2025: code, name, type.

Đông Triều is listed with the type of the code list; it is said to have become a city late in 2024.
"""

_WARDS = """06652 Hà Tu,06658 Cao Xanh,06661 Việt Hưng,06673 Bãi Cháy,06676 Hà Lầm,06685 Hồng Gai,
06688 Hạ Long,06706 Tuần Châu,06709 Móng Cái 2,06712 Móng Cái 1,06736 Móng Cái 3,06760 Mông Dương,
06778 Quang Hanh,06781 Cửa Ông,06793 Cẩm Phả,06811 Uông Bí,06820 Vàng Danh,06832 Yên Tử,
07030 Hoành Bồ,07069 Mạo Khê,07081 Bình Khê,07090 An Sinh,07093 Đông Triều,07114 Hoàng Quế,
07132 Quảng Yên,07135 Đông Mai,07147 Hiệp Hòa,07168 Hà An,07180 Liên Hòa,07183 Phong Cốc"""

_COMMUNES = """06724 Hải Sơn,06733 Hải Ninh,06757 Vĩnh Thực,06799 Hải Hòa,06838 Bình Liêu,
06841 Hoành Mô,06856 Lục Hồn,06862 Tiên Yên,06874 Điền Xá,06877 Đông Ngũ,06886 Hải Lạng,
06895 Đầm Hà,06913 Quảng Tân,06922 Quảng Hà,06931 Quảng Đức,06946 Đường Hoa,06967 Cái Chiên,
06970 Ba Chẽ,06979 Kỳ Thượng,06985 Lương Minh,07054 Quảng La,07060 Thống Nhất"""

_ZONES = "06994 Vân Đồn,07192 Cô Tô"


def _read(text: str, kind: str) -> dict[str, tuple[str, str]]:
    entries = (entry.strip().partition(" ") for entry in text.replace("\n", "").split(","))
    return {code: (name, kind) for code, _, name in entries}


COMMUNES = {
    **_read(_WARDS, "phường"),
    **_read(_COMMUNES, "xã"),
    **_read(_ZONES, "đặc khu"),
}
"""The 54 communes from 1 July 2025: 30 phường, 22 xã, 2 đặc khu."""


def units(level: str = "commune") -> Table:
    """Return the units of one level, with type, validity and source.

    Names repeat across levels (Hạ Long is a city and a ward): use codes and dates.

    Parameters
    ----------
    level : {"district", "commune"}
        Districts to 30 June 2025, communes from 1 July 2025.

    Examples
    --------
    >>> len(units("district")), len(units("commune"))
    (13, 54)
    """
    district = level == "district"
    known = DISTRICTS if district else COMMUNES
    size = len(known)
    columns = {
        "code": list(known),
        "name": [name for name, _ in known.values()],
        "type": [kind for _, kind in known.values()],
        "valid_from": [None if district else EFFECTIVE] * size,
        "valid_to": ["2025-06-30" if district else None] * size,
    }
    source = DISTRICT_SOURCE if district else COMMUNE_SOURCE
    return Table(columns, f"Quảng Ninh, {level} level", (f"source: {source}",))
