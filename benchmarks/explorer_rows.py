"""The page `explore.html` in a browser: its size, how long until it is drawn, and how its slider follows."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from anatomy.networks.catalogue import layout_of
from anatomy.networks.layouts import geometry
from anatomy.reporting.explorer import explorer_data, explorer_page
from anatomy.reporting.tables import HISTOGRAM_BINS, HISTOGRAMS, LAYERS
from measure import ROOT, Options, Row

# Each run is an experiment of its own: of several seeds the page holds the sum of their histograms.
RUNS, SNAPSHOTS = 40, 100
BINS = len(HISTOGRAM_BINS)
DEFAULT_PAGE = ROOT / "results" / "explore.html"
MEBIBYTE = 2**20
WINDOW = (1400, 900)

# The time at which the second frame begins after all is drawn: the first one has been painted by then.
WATCH = """
new MutationObserver((changes, observer) => {
  if (!document.body?.dataset.shown) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.paintedAt = performance.now(); }));
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-shown"] });
"""
# Milliseconds from a movement of the slider to the frame that shows it, the longest of all epochs.
SLIDE = """
const done = arguments[arguments.length - 1], slider = document.getElementById("epoch"), times = [];
(async () => {
  for (let epoch = 0; epoch <= Number(slider.max); epoch++) {
    const began = performance.now();
    slider.value = epoch;
    slider.oninput();
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - began);
  }
  done(Math.max(...times));
})();
"""


def tables_of(name: str, random: np.random.Generator, snapshots: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return layers.csv and histograms.csv of one run of VGG19, as the first study writes them."""
    rows, counts = [], []
    for layer, (filters, *_) in geometry(layout_of("vgg19"), (3, 32, 32)):
        place = layer.layer, layer.name
        for epoch in range(snapshots):
            rows.append((name, 0, epoch, *place, "n_l", random.uniform(0, 1)))
            bins = random.multinomial(filters, np.full(BINS, 1 / BINS))
            counts.append((name, 0, epoch, *place, "cosine", -0.5, 0.5, *bins))
        rows += [(name, 0, epoch, *place, "drop", random.uniform(0, 1)) for epoch in (0, 1, None)]
    return pd.DataFrame(rows, columns=LAYERS), pd.DataFrame(counts, columns=[*HISTOGRAMS, *HISTOGRAM_BINS])


def large_page(path: Path, runs: int, snapshots: int) -> None:
    """Write the page of so many runs."""
    random = np.random.default_rng(0)
    tables = [tables_of(f"run-{index}", random, snapshots) for index in range(runs)]
    layers, histograms = ({"arrangements": part} for part in zip(*tables, strict=True))
    path.write_text(explorer_page(explorer_data(layers, histograms), {}))


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a headless Chromium that has just been started."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    size = ",".join(map(str, WINDOW))
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={size}"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def looked_at(page: Path) -> dict[str, float]:
    """Open the page in a fresh browser: seconds to the first paint, until all is drawn, and of the slider."""
    from selenium.webdriver.support.ui import WebDriverWait

    with browser() as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        driver.get(page.as_uri())
        drawn = WebDriverWait(driver, 60, poll_frequency=0.05).until(
            lambda d: d.execute_script("return window.paintedAt")
        )
        first = driver.execute_script(
            "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        driver.set_script_timeout(60)
        slowest = driver.execute_async_script(SLIDE)
    return {"first": first / 1000, "drawn": drawn / 1000, "slider": slowest / 1000}


def missing() -> str | None:
    """Say what the browser lacks; None if nothing."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium: pip install '.[test]'"
    absent = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(absent)}: Debian's packages chromium and chromium-driver" if absent else None


def rows_of(page: Path | None, name: str, what: str, limit: float, options: Options, note: str) -> list[Row]:
    """Return the rows of one page; `page` is None where `note` says why there is none."""
    found = [looked_at(page) for _ in range(options.rounds_of(5))] if page else []
    sizes = [page.stat().st_size / MEBIBYTE] if page else []
    drawn, slider = ([each[key] for each in found] for key in ("drawn", "slider"))
    details = note
    if found:
        first = median(each["first"] for each in found)
        details += f", a browser of its own each time; title and menus are there after {first:.2g} s"
    return [
        Row(name, f"{what}: until all is drawn", drawn, details, "at most", limit, "s"),
        Row(f"{name}-slider", f"{what}: slowest step of the slider", slider, note, "at most", 0.1, "s"),
        Row(f"{name}-size", f"{what}: size", sizes, note, "at most", 15, "MiB"),
    ]


def pages(options: Options) -> list[Row]:
    """Measure the page of many runs, and that of the default run if it has been made."""
    runs, snapshots = options.size(RUNS, 2), options.size(SNAPSHOTS, 3)
    what = f"explore.html of {runs} runs x {snapshots} snapshots x 16 layers"
    absent = missing()
    with tempfile.TemporaryDirectory() as folder:
        page, note = None, f"not measured: {absent}"
        if absent is None:
            page, note = Path(folder, "explore.html"), "VGG19, n_l, drops and histograms of cosines"
            large_page(page, runs, snapshots)
        rows = rows_of(page, "explorer", what, 3, options, note)
    page = DEFAULT_PAGE
    if absent is None and not page.is_file():
        absent = f"no {page.relative_to(ROOT)}; make writes it"
    page, note = (None, f"not measured: {absent}") if absent else (page, "as make leaves it")
    what = "explore.html of the default run"
    return rows + rows_of(page, "explorer-default", what, 1, options, note)
