"""The report of a real run: every category and every entry is opened in a browser, in two sizes of window."""

import re
import shutil
import time
import zipfile
from base64 import b64decode
from pathlib import Path

import pytest
import yaml
from browsing import browser, needs_browser, waiting
from conftest import ROOT, SMOKE, copied

SIZES = [(1400, 857), (1920, 937)]
# A figure that is taller than the windows, and two in one section: the report once turned white there.
FIGURES = {"figure_06": {"experiment": "rgb"}, "own_map": {"kind": "heatmaps", "experiment": "rgb"}}
# What is shown beside the menu: how far its own top and left lie within the window, how much of it there is.
SHOWN = """
const area = document.querySelector("#app .h-screen.grow"), box = area.getBoundingClientRect();
const inner = area.firstElementChild.getBoundingClientRect();
const opened = area.querySelector(":scope > iframe, :scope > div > img");
const there = opened && opened.src.endsWith(app.state.contentPath) && (opened.naturalWidth ?? true);
return { path: there ? app.state.resultPath : null, kind: area.firstElementChild.tagName,
         top: inner.top - box.top, left: inner.left - box.left, scrolled: area.scrollTop,
         room: box.width, width: inner.width, height: inner.height };
"""


@pytest.fixture(scope="module")
def made(smoke_run, tmp_path_factory):
    """A project with finished results and their report."""
    checkout = copied(smoke_run, tmp_path_factory.mktemp("reported") / "checkout")
    config = yaml.safe_load(yaml.safe_dump(SMOKE))
    config["figures"] |= FIGURES
    checkout.configure(config)
    printed = checkout.snakemake()
    checkout.snakemake("--report", "results/report.html")
    return checkout, printed.stdout + printed.stderr


@pytest.fixture(scope="module", params=SIZES, ids=str)
def window(request, made, tmp_path_factory):
    """A browser at one size, where its downloads go, and the report."""
    downloads = tmp_path_factory.mktemp("downloads")
    with browser(request.param, downloads) as driver:
        yield driver, downloads, (made[0].folder / "results" / "report.html").as_uri()


@pytest.fixture
def report(window):
    """The report, just opened, of which nothing is wrong in the end."""
    driver, _, address = window
    driver.get(address)
    waiting(driver, lambda d: d.find_elements("css selector", "#rulegraph canvas, #rulegraph svg"))
    hold_still(driver)
    yield driver
    assert errors(driver) == []


def hold_still(driver):
    """Have the menu change its width at once: a click on what moves may miss."""
    driver.execute_script(
        "document.head.insertAdjacentHTML('beforeend', '<style>* { transition: none !important }</style>')"
    )


def errors(driver):
    """Errors in the console; Snakemake's own page also notes there what it shows."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]


def click(driver, selector, text=None):
    """Click what a reader sees under this name; without a name the first one."""
    found = [
        one for one in driver.find_elements("css selector", selector) if text in (None, one.text.strip())
    ]
    assert found, f"nothing to click: {selector} {text}"
    found[0].click()


def categories(driver):
    return driver.execute_script("return Object.keys(categories)")


def open_category(driver, name):
    click(driver, "nav nav li a")
    click(driver, "nav ul li a", name)


def rows(driver):
    return driver.find_elements("css selector", "#app nav tbody tr")


def assert_in_sight(found, size):
    """Assert that title and left edge lie in the window, and that the page is not empty."""
    assert found["scrolled"] == 0 and found["top"] >= 0 and found["left"] >= 0, found
    assert found["height"] > 100 and found["width"] > 100, found
    assert found["width"] <= found["room"], found
    assert found["room"] > size[0] / 2, found


@needs_browser
def test_the_first_page_is_one_screen_with_the_answer_figure_and_links(report):
    found = report.execute_script(SHOWN)
    size = report.execute_script("return [innerWidth, innerHeight]")
    assert_in_sight(found, size)
    box = report.execute_script(
        "const b = document.querySelector('.summary').getBoundingClientRect(); return [b.top, b.bottom]"
    )
    assert box[0] >= 0 and box[1] <= size[1]
    picture = report.find_element("css selector", ".summary figure img")
    assert picture.rect["height"] > 200 and picture.rect["y"] + picture.rect["height"] < size[1]
    # What docutils complains of stands below the page.
    assert "System Message" not in report.find_element("css selector", "#app").text
    words = report.find_element("css selector", ".summary").text
    assert "Hyperplane Arrangements of Trained ConvNets Are Biased" in words
    claims = (
        yaml.safe_load(text)
        for text in re.findall(r"(\d+) (?:not )?(?:supported|tested|inconclusive)", words)
    )
    assert sum(claims) == int(re.search(r"(\d+) sentences", words)[1])


@needs_browser
@pytest.mark.parametrize(
    "name", ["17 sentences of the paper", "methods and settings", "explore layers", "tables"]
)
def test_links_of_the_first_page_open_what_the_report_holds(report, name):
    click(report, ".summary a", name)
    frame = waiting(report, lambda d: d.find_elements("css selector", "#app iframe"))[0]
    report.switch_to.frame(frame)
    waiting(report, lambda d: len(d.find_element("tag name", "body").text) > 200)
    report.switch_to.default_content()


@needs_browser
def test_the_page_to_explore_is_drawn_within_the_report_wherever_that_lies(made, tmp_path):
    alone = shutil.copy(made[0].folder / "results" / "report.html", tmp_path)
    with browser(SIZES[0]) as driver:
        driver.get(Path(alone).as_uri())
        hold_still(driver)
        click(driver, ".summary a", "explore layers")
        assert_explorer_is_drawn(driver)
        assert errors(driver) == []


def assert_explorer_is_drawn(driver):
    """Assert that the frame of the report has maps, and the cells that were measured."""
    driver.switch_to.frame(waiting(driver, lambda d: d.find_elements("css selector", "#app iframe"))[0])
    waiting(driver, lambda d: d.execute_script("return document.body.dataset.shown"))
    canvas = driver.find_element("css selector", "#map canvas")
    assert canvas.size["width"] > 100 and canvas.size["height"] > 50
    assert driver.execute_script("return drawn.map.view.data('source_0').length") > 8
    driver.switch_to.default_content()


@needs_browser
def test_every_entry_of_every_category_opens(report, window, made):
    _, downloads, _ = window
    size = report.execute_script("return [innerWidth, innerHeight]")
    opened, held = set(), set()
    for category in categories(report):
        open_category(report, category)
        count = len(rows(report))
        assert count, f"{category} is empty"
        for position in range(count):
            row = rows(report)[position]
            assert row.text.strip(), f"{category}: a row without words"
            view, information = row.find_elements("css selector", "td:last-child a")
            if name := view.get_attribute("download"):
                # A table to be saved: what the link holds is the file, and the browser saves it.
                content = view.get_attribute("href").partition(";base64,")[2]
                held.add((name, b64decode(content)))
                if len(held) == 1:
                    view.click()
                    waiting(report, lambda d: any(path.stat().st_size for path in downloads.glob("*.csv")))
            else:
                view.click()
                found = waiting(report, shown)
                assert_in_sight(found, size)
                opened.add(found["path"])
                if found["kind"] == "IFRAME":
                    look_into_frame(report)
            assert errors(report) == [], row.text
            # The description of the entry, and back to its row.
            information.click()
            assert "Description" in report.find_element("css selector", "#app nav").text.title()
            open_category(report, category)
    whole = report.execute_script("return Object.keys(results)")
    assert opened == {path for path in whole if not path.endswith(".csv")}
    tables = [made[0].folder / path for path in whole if path.endswith(".csv")]
    assert held == {(path.name, path.read_bytes()) for path in tables}


def shown(driver):
    """What of the report is shown, once what was clicked is there."""
    found = driver.execute_script(SHOWN)
    return found if found["path"] else None


def look_into_frame(driver):
    """Assert that the page in the frame starts with its title, in sight."""
    driver.switch_to.frame(driver.find_element("css selector", "#app iframe"))
    title = waiting(driver, lambda d: d.find_elements("tag name", "h1"))[0]
    assert title.text and title.rect["y"] >= 0 and title.rect["x"] >= 0
    assert len(driver.find_element("tag name", "body").text) > 200
    driver.switch_to.default_content()


@needs_browser
def test_rows_say_figure_what_it_shows_network_and_data(report):
    open_category(report, "3.3 Biased layers are critical to performance")
    words = [row.text.strip() for row in rows(report)]
    label = "VGG11 (width 1/16), RGB digits"
    assert words == [
        f"figure_02 · drop when a layer is reset · {label}",
        f"figure_07 · n_l over epochs · {label}",
    ]


@needs_browser
def test_no_row_has_a_second_label(report):
    """Of a second label with two values Snakemake makes a switch, to results that may not exist."""
    labels = report.execute_script("return Object.values(results).map(r => Object.keys(r.labels).length)")
    assert set(labels) == {1}
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert all(literal.count('": ') == 1 for literal in re.findall(r"labels=\{(.*)\},", rules))


@needs_browser
@pytest.mark.parametrize("name", ["Workflow", "Statistics", "About"])
def test_the_general_pages_start_in_sight(report, name):
    click(report, "nav ul li a", name)
    time.sleep(0.5)
    assert_in_sight(report.execute_script(SHOWN), report.execute_script("return [innerWidth, innerHeight]"))


@needs_browser
def test_a_click_sorts_by_value_and_a_link_leads_to_the_claim(report):
    open_category(report, "Claims")
    rows(report)[0].find_element("css selector", "td:last-child a").click()
    report.switch_to.frame(waiting(report, lambda d: d.find_elements("css selector", "#app iframe"))[0])
    headings = waiting(report, lambda d: d.find_elements("css selector", "table.sortable th"))
    column = [heading.text for heading in headings].index("verdict")
    orders = []
    for _ in range(2):
        headings[column].click()
        cells = report.find_elements("css selector", f".sortable tbody td:nth-child({column + 1})")
        orders.append([cell.text for cell in cells])
    assert orders[0] == sorted(orders[0]) and orders[1] == orders[0][::-1] and len(set(orders[0])) > 1
    link = report.find_element("css selector", ".sortable tbody a")
    link.click()
    target = report.find_element("id", link.text)
    place = "const top = arguments[0].getBoundingClientRect().top; return top > -2 && top < innerHeight"
    waiting(report, lambda d: d.execute_script(place, target))
    report.switch_to.default_content()


@needs_browser
def test_the_zip_archive_holds_the_same(made, tmp_path):
    checkout, _ = made
    checkout.snakemake("--report", "report.zip")
    with zipfile.ZipFile(checkout.folder / "report.zip") as archive:
        archive.extractall(tmp_path)
    with browser(SIZES[0]) as driver:
        driver.get((tmp_path / "report" / "report.html").as_uri())
        hold_still(driver)
        click(driver, ".summary a", "17 sentences of the paper")
        waiting(driver, lambda d: d.find_elements("css selector", "#app iframe"))
        look_into_frame(driver)
        open_category(driver, "Explore")
        rows(driver)[0].find_element("css selector", "td:last-child a").click()
        assert_explorer_is_drawn(driver)
        open_category(driver, "2 Method")
        rows(driver)[0].find_element("css selector", "td:last-child a").click()
        assert_in_sight(waiting(driver, shown), SIZES[0])
        assert errors(driver) == []


def test_a_run_ends_with_a_line_for_each_study(made):
    _, printed = made
    line = next(line for line in printed.splitlines() if line.startswith("arrangements: "))
    assert line.startswith("arrangements: 8 of 8 figures; claims: 1 not supported, 16 not tested (")
    assert "results/arrangements/claims.html" in line
    assert "report: snakemake --report results/report.html" in printed
