"""`make site`: it builds without a warning, needs no network, and its links lead somewhere."""

import re
import subprocess
import sys
import urllib.parse

import pytest
from bs4 import BeautifulSoup
from repository import ROOT

# what a page loads by itself, in contrast to a link that a reader may follow
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
ELSEWHERE = re.compile(r"(https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built by the command of the Makefile from the repository's own files."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--fail-on-warning", "--keep-going", "--quiet")
    command = (sys.executable, "-m", "sphinx", "-c", "docs", ".", folder / "html", *options)
    assert " ".join(options) in (ROOT / "Makefile").read_text()
    ran = subprocess.run(
        [*command, "-d", folder / "doctrees"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    paths = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = [
        tag.get(attribute, "")
        for page in pages.values()
        for name, attribute in LOADED.items()
        for tag in page.find_all(name)
    ]
    assert len(loaded) > 100
    assert not [address for address in loaded if ELSEWHERE.match(address)]
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import\s*)[\"']?(https?:)?//", text), path


def test_links_lead_somewhere(site, pages):
    anchors = {
        path: {tag["id"] for tag in page.find_all(id=True)} | {""} for path, page in pages.items()
    }
    dead = []
    for path, page in pages.items():
        for tag in page.find_all("a", href=True):
            address = urllib.parse.urlsplit(tag["href"])
            if address.scheme or address.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(address.path)).resolve()
            target = path if not address.path else target
            known = anchors.get(target, {""}) if target.exists() else set()
            if address.fragment not in known and target.suffix != ".svg":
                dead.append(f"{path.relative_to(site)}: {tag['href']}")
    assert not dead, "\n".join(dead)


def test_every_public_name_has_an_entry(pages):
    described = {tag["id"] for page in pages.values() for tag in page.select("dt[id]")}
    from intriguing import attacks, claims, lipschitz, training, units

    for package in (attacks, claims, lipschitz, training, units):
        for name in package.__all__:
            assert any(entry.split(".")[-1] == name for entry in described), name


def test_every_page_is_in_the_contents(site, pages):
    contents = pages[site / "docs" / "index.html"]
    linked = {(site / "docs" / tag["href"]).resolve() for tag in contents.select("a.reference")}
    written = {
        (site / path.relative_to(ROOT)).with_suffix(".html")
        for pattern in ("*.md", "recipes/*.md", "reproduction/*.md", "reproduction/*/README.md")
        for path in (ROOT / "docs").glob(pattern)
    }
    assert written and written <= linked, written - linked


def test_formulas_are_mathml(site):
    page = (site / "docs" / "corrections.html").read_text(encoding="utf-8")
    assert page.count("<math ") > 50 and "<mfrac>" in page


def test_modules_that_the_pages_name_exist():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r"`((?:\w+/)+\w+\.py)`", path.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file() or (ROOT / "src/intriguing" / name).is_file(), name
