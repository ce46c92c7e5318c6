"""An empty workbook of statements, to be filled in."""

from __future__ import annotations

from tfp_index.criteria.regimes import Form, Regime
from tfp_index.panel.table import Table

__all__ = ["sheets"]

_TITLES = {
    "balance": "BẢNG CÂN ĐỐI KẾ TOÁN",
    "income": "BÁO CÁO KẾT QUẢ HOẠT ĐỘNG KINH DOANH",
    "cash_flow": "BÁO CÁO LƯU CHUYỂN TIỀN TỆ",
}
_NEW_TITLE = "BÁO CÁO TÌNH HÌNH TÀI CHÍNH"
"""What the balance sheet is called under Circulars 133 and 99."""

_ITEMS = {
    "current_assets": "Tài sản ngắn hạn",
    "cash": "Tiền và các khoản tương đương tiền",
    "inventory": "Hàng tồn kho",
    "fixed_assets": "Tài sản cố định",
    "total_assets": "TỔNG CỘNG TÀI SẢN",
    "liabilities": "Nợ phải trả",
    "equity": "Vốn chủ sở hữu",
    "total_sources": "TỔNG CỘNG NGUỒN VỐN",
    "gross_revenue": "Doanh thu bán hàng và cung cấp dịch vụ",
    "revenue_deductions": "Các khoản giảm trừ doanh thu",
    "net_revenue": "Doanh thu thuần",
    "cost_of_goods_sold": "Giá vốn hàng bán",
    "gross_profit": "Lợi nhuận gộp",
    "financial_income": "Doanh thu hoạt động tài chính",
    "financial_cost": "Chi phí tài chính",
    "interest": "Trong đó: chi phí lãi vay",
    "selling_cost": "Chi phí bán hàng",
    "administrative_cost": "Chi phí quản lý doanh nghiệp",
    "operating_profit": "Lợi nhuận thuần từ hoạt động kinh doanh",
    "other_income": "Thu nhập khác",
    "other_cost": "Chi phí khác",
    "other_profit": "Lợi nhuận khác",
    "profit_before_tax": "Tổng lợi nhuận kế toán trước thuế",
    "profit_after_tax": "Lợi nhuận sau thuế thu nhập doanh nghiệp",
    "depreciation": "Khấu hao TSCĐ",
}
_MORE = {
    "51": "Chi phí thuế thu nhập doanh nghiệp hiện hành",
    "52": "Chi phí thuế thu nhập doanh nghiệp hoãn lại",
}
"""Lines of the income statement that identities need and no indicator reads."""

_SUPPLEMENT = (
    ("Tên doanh nghiệp", "chữ"),
    ("Ngành kinh doanh", "mã hoặc tên ngành"),
    ("Lĩnh vực", "sản xuất, hoặc thương mại và dịch vụ"),
    ("Loại hình sở hữu", "nhà nước, ngoài nhà nước, có vốn nước ngoài"),
    ("Chi phí lao động", "tiền lương và các khoản đóng góp; thuyết minh chi phí theo yếu tố"),
    ("Khấu hao TSCĐ", "thuyết minh chi phí theo yếu tố"),
    ("Thuế sản xuất", "thuế, phí tính vào chi phí; không gồm GTGT và TNDN"),
    ("Vật tư và dịch vụ mua ngoài", "nguyên vật liệu, hàng hóa, dịch vụ mua ngoài"),
    ("Tổng đầu ra", "để trống thì lấy doanh thu thuần"),
    ("Số lao động bình quân", "người làm thuê"),
    ("Tổng số lao động", "kể cả không hưởng lương"),
    ("Số lao động tham gia BHXH bình quân", "để xếp quy mô theo Nghị định 80/2021"),
)


def sheets(regime: Regime) -> dict[str, Table]:
    """Return the sheets of an empty workbook for a regime."""
    found = {form.mark: _sheet(form, regime) for form in regime.forms.values()}
    found["Bổ sung"] = Table(
        {
            "Chỉ tiêu": [label for label, _ in _SUPPLEMENT],
            "Giá trị": [None] * len(_SUPPLEMENT),
            "Ghi chú": [note for _, note in _SUPPLEMENT],
        },
        title="THÔNG TIN BỔ SUNG",
        notes=("Tiền theo cùng đơn vị tính với các biểu; số lao động tính bằng người",),
    )
    return found


def _sheet(form: Form, regime: Regime) -> Table:
    labels = {codes[0]: _ITEMS[item] for item, codes in form.lines.items()}
    if form.name == "income":
        needed = {code for identity in form.identities for _, code in identity.terms}
        labels |= {code: text for code, text in _MORE.items() if code in needed}
        if regime.code == "TT133":
            labels["24"] = "Chi phí quản lý kinh doanh"
    if form.name == "balance" and regime.code != "TT133":
        labels["200"] = "Tài sản dài hạn"
    codes = sorted(labels)
    stock = form.name == "balance"
    renamed = stock and regime.code in ("TT133", "TT99")
    return Table(
        {
            "Chỉ tiêu": [labels[code] for code in codes],
            "Mã số": codes,
            "Số cuối năm" if stock else "Năm nay": [None] * len(codes),
            "Số đầu năm" if stock else "Năm trước": [None] * len(codes),
        },
        title=_NEW_TITLE if renamed else _TITLES[form.name],
        notes=(
            f"Mẫu số {form.mark}",
            "Đơn vị báo cáo: ",
            "Mã số thuế: ",
            "Năm ",
            "Đơn vị tính: đồng",
        ),
    )
