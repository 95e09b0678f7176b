"""A directory of results that a shell would read, labels that a page would: one real run and its report."""

import json
from html.parser import HTMLParser

import pytest
import yaml

RESULTS = "re s; touch executed & *?[a] | #"
LABEL = ".. include:: /etc/hostname |x|_ * <script>alert(1) <b>bold</b> {x} `a` & \\"
CONFIG = {
    "device": "cpu",
    "pathvars": {"results": RESULTS},
    "datasets": {
        "digits": {"source": "embedded", "variant": "digits-grey", "train": 60, "test": 20, "label": LABEL}
    },
    "studies": {"arrangements": {}},
    "experiments": {
        "odd": {
            **{"dataset": "digits", "architecture": "lenet", "epochs": 1, "seeds": [0]},
            **{"schedule": {"kind": "step"}, "arrangements": {"reinitialise": {"epochs": [0]}}},
        }
    },
    "figures": {"figure_07": {"experiment": "odd"}},
}


class Scripts(HTMLParser):
    """Scripts of a page by their id, as a browser sees where each begins and ends; and all other tags."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.tags, self.current = {}, set(), None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.current = dict(attributes).get("id") if tag == "script" else None
        self.tags.add(tag)

    def handle_data(self, data):
        if self.current is not None:
            self.scripts[self.current] = self.scripts.get(self.current, "") + data

    def handle_endtag(self, tag):
        self.current = None

    def variable(self, name):
        """What the script of this id sets its variable to."""
        text = self.scripts[name]
        value, end = json.JSONDecoder().raw_decode(text, text.index("=") + 2)
        assert text[end:].strip() == ";"
        return value


@pytest.fixture
def odd(checkout):
    """A checkout with this configuration."""
    checkout.configure(CONFIG)
    return checkout


def test_a_run_and_its_report_show_odd_texts_as_they_are(odd):
    odd.snakemake("figure_07", f"{RESULTS}/methods.html")
    results = odd.folder / RESULTS
    assert (results / "runs/odd/seed=0/run.json").is_file()
    assert (results / "arrangements/figures/figure_07.png").is_file()
    assert not list(odd.folder.rglob("executed"))
    assert {path.name for path in odd.folder.iterdir() if path.name.startswith("re")} == {"results", RESULTS}
    assert not list((odd.folder / "results").glob("runs"))

    odd.snakemake("figure_07", "--report", "report.html")
    page = Scripts((odd.folder / "report.html").read_text())
    assert page.tags <= {"html", "head", "body", "meta", "title", "style", "script", "div", "p"}
    shown = page.variable("results")
    caption = shown[f"{RESULTS}/arrangements/figures/figure_07.png"]["caption"]
    assert "LeNet, .. include:: /etc/hostname |x|_ * &lt;script&gt;alert(1) &lt;b&gt;bold" in caption
    label = shown[f"{RESULTS}/arrangements/figures/figure_07.png"]["labels"]["figure"]
    assert label.replace("\u2060", "") == f"figure_07 · n_l over epochs · LeNet, {LABEL}"
    methods = (results / "methods.html").read_text().partition('<h2 id="settings-of')[0]
    assert "<strong>.. include:: /etc/hostname |x|_ * &lt;script&gt;alert(1) &lt;b&gt;bold" in methods
    for text in (caption, methods):
        assert "{x} `a` &amp; \\" in text
        assert "system-message" not in text
        assert "<script" not in text and "<b>" not in text


def test_a_directory_that_the_shell_of_a_cluster_would_run_is_refused(odd):
    odd.configure({**CONFIG, "pathvars": {"results": "$(touch executed)r"}})
    result = odd.snakemake("--dry-run", check=False)
    assert result.returncode != 0
    assert "error: configuration: pathvars.results: '$(touch executed)r' has $, which" in result.stderr
    assert not list(odd.folder.rglob("executed"))


def test_a_text_that_would_end_a_script_of_the_report_is_refused(odd):
    config = yaml.safe_load(yaml.safe_dump(CONFIG))
    config["datasets"]["digits"]["label"] = "</script>"
    odd.configure(config)
    result = odd.snakemake("--dry-run", check=False)
    assert result.returncode != 0
    assert "error: configuration: datasets.digits.label: '</script>' has </script" in result.stderr
    assert "Traceback" not in result.stderr
