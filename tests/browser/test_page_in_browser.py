"""The page in a real browser: Chromium without a window and without a network."""

import base64
import re
import shutil

import pandas
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")

WIDE, PHONE, NARROW = ((1440, 900), (390, 844), (320, 640))


@pytest.fixture(scope="module")
def results(built):
    return built.path("results/smoke")


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        # its sandbox does not start for root
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, results):
    """Open the page; what it says on the console or asks of a network fails the test."""
    contexts, faults = [], []

    def open_page(size=WIDE, theme="light", **options):
        context = chromium.new_context(
            viewport=dict(zip(("width", "height"), size, strict=True)),
            color_scheme=theme,
            offline=True,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(request.url) if outside(request) else None)
        page.goto((results / "page.html").as_uri())
        return page

    def outside(request):
        return not request.url.startswith(("data:", (results / "page.html").as_uri()))

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def table(page, name):
    return page.get_by_role("region", name=f"Table: {name}", exact=True).locator("table")


def column(page, name, heading):
    """Numbers of a column as the reader sees them, from top to bottom."""
    headings = table(page, name).locator("thead th").all_inner_texts()
    place = [re.sub(r" [▾▴]$", "", text.strip()) for text in headings].index(heading)
    rows = table(page, name).locator("tbody tr").all()
    texts = [row.locator("th, td").nth(place).inner_text() for row in rows]
    return [float(text.split()[0]) for text in texts if text.strip()]


def test_it_is_quiet_small_and_shows_something_at_once(visit, results):
    page = visit()
    assert page.title() == "Smoke test on 8×8 digits"
    assert page.locator("h1").is_visible() and page.locator(".claim svg").first.is_visible()
    # in the first screen, without scrolling
    assert page.locator(".claim").first.bounding_box()["y"] < WIDE[1]
    assert (results / "page.html").stat().st_size < 15e6


@pytest.mark.parametrize("by_keyboard", [False, True], ids=["click", "keyboard"])
def test_tables_sort_by_numbers(visit, results, by_keyboard):
    page = visit()
    tidy = pandas.read_csv(results / "tables/table1.csv")["distortion"]
    assert not tidy.is_monotonic_decreasing or not tidy.is_monotonic_increasing
    button = table(page, "table1").get_by_role("button", name="av. distortion", exact=True)
    for ascending, direction in ((False, "descending"), (True, "ascending")):
        if by_keyboard:
            button.press("Enter")
        else:
            button.click()
        page.wait_for_selector(f'th[aria-sort="{direction}"]')
        shown = column(page, "table1", "av. distortion")
        assert shown == pytest.approx(sorted(tidy, reverse=not ascending), abs=1e-4)


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_the_systems_until_the_button_changes_it(visit, theme):
    page = visit(theme=theme)
    light, dark = "rgb(255, 255, 255)", "rgb(21, 24, 29)"
    first, second = (light, dark) if theme == "light" else (dark, light)
    assert background(page) == first
    # the figures follow: their ink is the colour of the text
    ink = "getComputedStyle(document.querySelector('figure svg text')).fill"
    inks = [page.evaluate(ink)]
    page.get_by_role("button", name="Light or dark page").click()
    assert background(page) == second
    inks.append(page.evaluate(ink))
    assert inks[0] != inks[1]


@pytest.mark.parametrize("size", [PHONE, NARROW, WIDE])
def test_the_page_never_scrolls_sideways(visit, size):
    page = visit(size)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    # wide tables scroll in themselves
    assert page.evaluate(
        "[...document.querySelectorAll('.wide')].every((one) => one.clientWidth <= innerWidth)"
    )


def cell_of(page, tidy, row, place):
    """A cell of the first matrix: its line in the tidy table, and where it is in the page."""
    matrix = page.get_by_role("grid", name="Transfer matrix", exact=True)
    line = tidy.iloc[row * tidy["target"].nunique() + place]
    return line, matrix.locator("tbody tr").nth(row).locator("td").nth(place)


def test_a_cell_of_the_matrix_shows_what_is_known_of_it(visit, results):
    page = visit()
    tidy = pandas.read_csv(results / "tables/table2.csv")
    detail = page.locator("#detail-table2")
    cell, shown = cell_of(page, tidy, 0, 1)
    shown.hover()
    for number in (cell["error_percent"], cell["error_low"], cell["error_high"]):
        assert f"{number:.1f}" in detail.inner_text()
    assert f"{cell['error_n']} images in {cell['seeds']} seeds" in detail.inner_text()
    assert f"{cell['matched_noise_percent']:.1f}" in detail.inner_text()


def test_cells_of_the_matrix_can_be_tapped_and_walked_through(visit, results):
    page = visit(PHONE, has_touch=True)
    tidy = pandas.read_csv(results / "tables/table2.csv")
    detail = page.locator("#detail-table2")
    cell_of(page, tidy, 1, 2)[1].tap()
    for place, key in ((2, "ArrowLeft"), (1, "ArrowUp")):
        line, _ = cell_of(page, tidy, 1, place)
        words = f"Images: {line['made_for_label']}. Evaluated on: {line['target_label']}."
        assert words in detail.inner_text()
        page.keyboard.press(key)
    line, _ = cell_of(page, tidy, 0, 1)
    assert f"Images: {line['made_for_label']}." in detail.inner_text()
    # only one cell is in the order of tabs
    assert page.locator("[aria-label='Transfer matrix'] td[tabindex='0']").count() == 1


def test_downloads_are_the_files_beside_the_page(visit, results):
    page = visit()
    for link in page.locator("a[download]").all():
        name, address = link.get_attribute("download"), link.get_attribute("href")
        content = base64.b64decode(address.partition("base64,")[2])
        assert content == (results / "tables" / name).read_bytes()
    names = {link.get_attribute("download") for link in page.locator("a[download]").all()}
    assert {"table1.csv", "table1.tex", "table2.csv", "claims.tex"} <= names


def test_links_lead_to_files_and_sections(visit, results):
    page = visit()
    for link in page.locator("a:not([download])").all():
        address = link.get_attribute("href")
        if address.startswith("#"):
            assert page.locator(address).count() == 1, address
        else:
            assert (results / address).exists(), address


def test_contents_follow_the_reader(visit):
    page = visit()
    for section in ("table2", "certificates"):
        page.locator(f"#{section}").evaluate("(heading) => heading.scrollIntoView()")
        page.wait_for_function(
            f"document.querySelector('.contents [aria-current]')?.hash === '#{section}'"
        )


def test_it_prints_unfolded_without_contents_and_buttons(visit):
    page = visit(theme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert background(page) == "rgb(255, 255, 255)"
    assert page.locator("main details:not([open])").count() == 0
    assert not page.locator(".contents").is_visible() and not page.locator("#theme").is_visible()
    assert page.pdf().startswith(b"%PDF")


def test_it_can_be_read_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert table(page, "table1").is_visible() and page.locator(".matrix").first.is_visible()
    assert not page.locator("#theme").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_is_accessible(visit, size, theme):
    page = visit(size, theme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
