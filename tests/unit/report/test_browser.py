"""The report in a real browser: nothing overflows, every figure shows, it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import tfp_index as tfp
from tests.unit.report.conftest import HOSTILE, make_panel
from tests.unit.report.test_joint import microdata, of_enterprises
from tests.unit.report.test_plan import make_status
from tfp_index.report import Growth

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BROWSER, reason="no Chromium is installed"),
]

PROBE = """<script>
addEventListener("load", () => {
  const images = [...document.images];
  const wide = [...document.querySelectorAll("main *")].filter(
    (e) => !e.closest(".scroll, pre") && e.getBoundingClientRect().right > innerWidth + 1);
  document.title = JSON.stringify({
    width: document.documentElement.scrollWidth, window: innerWidth,
    images: images.length, shown: images.filter((i) => i.complete && i.naturalWidth > 0).length,
    wide: wide.map((e) => e.tagName), alerts: window.alerts || 0,
    narrow: images.every((i) => i.currentSrc !== i.src)});
});
</script>"""


def browse(*arguments: str, profile: Path) -> str:
    switches = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
    quiet = (
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    )
    done = subprocess.run(
        [BROWSER, *switches, *quiet, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module", params=["vi", "en"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    panel = make_panel(
        ("Hạ Long", "Một thành phố có tên rất dài để thử bề rộng của bảng", *HOSTILE)
    )
    res = tfp.GrowthAccounting(capital_share=0.4).fit(panel)
    stories = [Growth(res, findings=panel.check(), entity="Hạ Long"), Growth(res)]
    path = tmp_path_factory.mktemp("browser") / "report.html"
    return tfp.report.write(path, stories, language=request.param).html


def probed(page: Path, tmp_path: Path, width: int) -> dict[str, Any]:
    """Return what a browser of this width sees of a page."""
    # Chromium opens no window narrower than 500 pixels; a frame of 390 in it is a telephone
    source = page.read_text(encoding="utf-8")
    source = re.sub(r"<meta http-equiv[^>]*>", PROBE, source, count=1)
    probe = tmp_path / "probe.html"
    probe.write_text(source, encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="probe.html" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>addEventListener('load', () => setTimeout(() => { document.body.textContent ="
        " frames[0].document.title; }, 500));</script>",
        encoding="utf-8",
    )
    dom = browse(
        "--allow-file-access-from-files",
        "--virtual-time-budget=8000",
        "--window-size=1400,1000",
        "--dump-dom",
        frame.as_uri(),
        profile=tmp_path / "profile",
    )
    found = re.search(r"\{.*\}", dom)
    assert found is not None, dom[-500:]
    seen: dict[str, Any] = json.loads(found[0].replace("&amp;", "&"))
    return seen


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows_and_every_figure_shows(page: Path, tmp_path: Path, width: int) -> None:
    seen = probed(page, tmp_path, width)
    assert seen["window"] == width
    assert seen["width"] <= width
    assert seen["wide"] == []
    assert seen["images"] == seen["shown"] >= 4
    assert seen["narrow"] == (width < 640)  # telephones get figures of their own
    assert seen["alerts"] == 0


def test_it_prints(page: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse(
        "--no-pdf-header-footer",
        f"--print-to-pdf={pdf}",
        page.as_uri(),
        profile=tmp_path / "profile",
    )
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 4 <= pages <= 20


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_joint_report_shows_in_both_widths_and_prints(
    language: str, public: bool, tmp_path: Path
) -> None:
    results = [*of_enterprises(microdata(hostile=True)).values(), make_status()]
    written = tfp.report.write(tmp_path / "all.html", results, language=language, public=public)
    assert written.html is not None
    for width in (390, 1280):
        seen = probed(written.html, tmp_path, width)
        assert seen["window"] == width
        assert seen["width"] <= width
        assert seen["wide"] == []
        assert seen["images"] == seen["shown"] >= 2
        assert seen["alerts"] == 0
    pdf = tmp_path / "all.pdf"
    target = written.html.as_uri()
    browse("--no-pdf-header-footer", f"--print-to-pdf={pdf}", target, profile=tmp_path / "p")
    assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_plan_shows_in_both_widths(language: str, tmp_path: Path, width: int) -> None:
    status = make_status(note=" ".join(HOSTILE))
    path = tfp.report.write(tmp_path / "plan.html", [status], language=language).html
    seen = probed(path, tmp_path, width)
    assert seen["window"] == width
    assert seen["width"] <= width
    assert seen["wide"] == []
    assert seen["images"] == seen["shown"] == 1
    assert seen["alerts"] == 0
