"""The page to explore, clicked through as a reader would."""

import csv

import numpy as np
import pandas as pd
import pytest
from browsing import browser, complaints, needs_browser, waiting

from anatomy.reporting.explorer import explorer_data, explorer_page
from anatomy.reporting.tables import HISTOGRAM_BINS, HISTOGRAMS, LAYERS

SEEDS, EPOCHS, LAYER_COUNT = 3, 5, 6
NAMES = [f"features.{index}" for index in range(LAYER_COUNT)]


def tables(name, random):
    """layers.csv with n_l by epoch and a drop that grows with the layer, and histograms.csv."""
    rows = [
        (name, seed, epoch, position + 1, layer, "n_l", random.uniform(0, 1))
        for seed in range(SEEDS)
        for epoch in range(EPOCHS)
        for position, layer in enumerate(NAMES)
    ]
    for seed in range(SEEDS):
        for position, layer in enumerate(NAMES):
            rows += [
                (name, seed, epoch, position + 1, layer, "drop", (position + 1) / 11) for epoch in (0, None)
            ]
    shapes = [row[:5] for row in rows if row[5] == "n_l"]
    counts = [
        dict(zip(HISTOGRAMS, (*shape, "cosine", -0.5, 0.5), strict=True))
        | {bin_: int(random.integers(9)) for bin_ in HISTOGRAM_BINS}
        for shape in shapes
    ]
    return pd.DataFrame(rows, columns=LAYERS), pd.DataFrame(counts)


@pytest.fixture(scope="module")
def frames():
    random = np.random.default_rng(0)
    return {name: tables(name, random) for name in ("step", "smooth")}


@pytest.fixture(scope="module")
def window(frames, tmp_path_factory):
    """A browser, the page as a file, and the folder that its downloads go to."""
    folder = tmp_path_factory.mktemp("page")
    layers = [own[0] for own in frames.values()]
    histograms = [own[1] for own in frames.values()]
    data = explorer_data({"arrangements": layers}, {"arrangements": histograms})
    labels = {"step": "VGG19 </script><script>document.title = 'wrong'</script>"}
    path = folder / "explore.html"
    path.write_text(explorer_page(data, labels))
    with browser((1400, 1500), folder) as driver:
        yield driver, path


@pytest.fixture
def shown(window):
    driver, path = window
    driver.get(path.as_uri())
    waiting(driver, lambda d: d.execute_script("return document.body.dataset.shown"))
    yield driver
    assert complaints(driver) == []


@pytest.fixture
def downloads(window):
    return window[1].parent


def choose(driver, id_, text):
    driver.execute_script(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.onchange();", id_, text
    )


def text_of(driver, id_):
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", id_)


def click_cell(driver, epoch, layer):
    """Click into the map where a cell is drawn."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    canvas = driver.find_element(By.CSS_SELECTOR, "#map canvas")
    x, y = driver.execute_script(
        "const v = drawn.map.view, o = v.origin(), p = v.padding(), x = v.scale('x'), y = v.scale('y');"
        "return [o[0] + p.left + x(arguments[0]) + x.bandwidth() / 2,"
        " o[1] + p.top + y(arguments[1]) + y.bandwidth() / 2]",
        str(epoch),
        layer,
    )
    middle = canvas.size["width"] / 2, canvas.size["height"] / 2
    ActionChains(driver).move_to_element_with_offset(canvas, x - middle[0], y - middle[1]).click().perform()


@needs_browser
def test_every_experiment_is_offered_and_none_of_its_names_is_carried_out(shown):
    options = shown.execute_script(
        "return [...document.getElementById('experiment').options].map(o => o.value)"
    )
    assert options == ["step", "smooth"]
    assert "wrong" not in shown.title


@needs_browser
def test_a_cell_of_the_map_shows_its_seeds(shown, frames):
    click_cell(shown, 2, "features.3")
    waiting(shown, lambda d: text_of(d, "seeds-title") == "features.3: n_l of every seed")
    drawn = shown.execute_script(
        "return drawn.seeds.view.data('source_0').map(r => [+r.seed, +r.epoch, r.value])"
    )
    own = frames["step"][0]
    own = own[(own["layer"] == "features.3") & (own["quantity"] == "n_l")]
    expected = [[row.seed, row.epoch, float(f"{row.value:.4g}")] for row in own.itertuples()]
    assert sorted(drawn) == sorted(expected)


@needs_browser
def test_the_slider_shows_the_filters_of_its_epoch(shown, frames):
    choose(shown, "layer", "features.2")
    waiting(shown, lambda d: d.execute_script("return !!drawn.histogram"))
    histograms = frames["step"][1]
    for epoch in (0, 3):
        shown.execute_script(
            "const s = document.getElementById('epoch'); s.value = arguments[0]; s.oninput();", epoch
        )
        own = histograms[(histograms["layer"] == "features.2") & (histograms["epoch"] == epoch)]
        counts = shown.execute_script("return drawn.histogram.view.data('bars').map(r => r.count)")
        assert counts == own[list(HISTOGRAM_BINS)].sum().tolist()
        assert text_of(shown, "epoch-value") == str(epoch)


@needs_browser
def test_a_brush_marks_the_layers_in_the_table_and_its_file(shown, downloads):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    canvas = shown.find_element(By.CSS_SELECTOR, "#scatter canvas")
    # The upper half of the points: the three layers with the largest drops.
    left, top, width, middle = shown.execute_script(
        "const v = drawn.scatter.view, o = v.origin(), p = v.padding();"
        "return [o[0] + p.left + 2, o[1] + p.top + 2, v.width() - 4, v.scale('y')(0.3)]"
    )
    shift = canvas.size["width"] / 2, canvas.size["height"] / 2
    actions = ActionChains(shown).move_to_element_with_offset(canvas, left - shift[0], top - shift[1])
    actions.click_and_hold().move_by_offset(width // 2, middle // 2)
    actions.move_by_offset(width - width // 2, middle - middle // 2).release().perform()
    waiting(shown, lambda d: d.execute_script("return document.querySelectorAll('tr.chosen').length") == 3)
    marked = shown.execute_script(
        "return [...document.querySelectorAll('tr.chosen')].map(r => r.cells[1].textContent)"
    )
    assert marked == NAMES[3:]
    shown.find_element(By.ID, "export-layers").click()
    path = waiting(shown, lambda d: next(downloads.glob("step-layers.csv"), None))
    rows = list(csv.reader(path.open()))
    assert [row[1] for row in rows[1:]] == NAMES[3:]
    assert [float(row[3]) for row in rows[1:]] == pytest.approx([4 / 11, 5 / 11, 6 / 11], rel=1e-3)


@needs_browser
def test_the_map_is_saved_with_every_seed(shown, frames, downloads):
    from selenium.webdriver.common.by import By

    shown.find_element(By.ID, "export-map").click()
    path = waiting(shown, lambda d: next(downloads.glob("step-n_l.csv"), None))
    saved = pd.read_csv(path)
    own = frames["step"][0].query("quantity == 'n_l'").reset_index(drop=True)
    merged = own.merge(saved, on=["experiment", "quantity", "seed", "epoch", "position", "layer"])
    assert len(saved) == len(merged) == len(own)
    assert np.allclose(merged["value_x"], merged["value_y"], rtol=1e-3)


@needs_browser
def test_another_experiment_takes_its_place(shown):
    choose(shown, "experiment", "smooth")
    waiting(shown, lambda d: d.execute_script("return document.body.dataset.shown") == "smooth")
    choose(shown, "measure", "drop")
    waiting(shown, lambda d: text_of(d, "seeds-title").startswith("features.0: drop"))
