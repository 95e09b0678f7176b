"""Figures of the papers and of a user: what is said of one that is left out, refused or shown."""

import pytest

from anatomy.configuration.studies import FIGURES
from anatomy.reporting import figures

OFF = "switched off (null, or not in `only`)"


@pytest.mark.parametrize(
    ("drawn", "off", "line"),
    [
        (["figure_02"], {}, ""),
        (
            ["figure_02"],
            {"figure_07": ["a"]},
            f"{OFF}: a; figures: figure_07 left out",
        ),
        (
            ["figure_21"],
            {"figure_21": ["a"]},
            f"{OFF}: a; figures: figure_21 drawn without",
        ),
        (
            ["figure_21"],
            {"figure_04": ["b"], "figure_05": ["b"], "figure_21": ["a", "b"]},
            f"{OFF}: b, a; figures: figure_04, figure_05 left out; figure_21 drawn without",
        ),
    ],
)
def test_one_line_says_what_is_left_out(drawn, off, line):
    assert figures.left_out(drawn, off) == line


@pytest.mark.parametrize(
    ("name", "off", "line"),
    [
        (
            "figure_16",
            {},
            "figure_16 needs an experiment: VGG19 on CIFAR-100, smooth schedule; "
            "name it under figures.figure_16 in the configuration",
        ),
        (
            "figure_22",
            {},
            "figure_22 needs experiments: VGG19 on CIFAR-10 and ImageNet, step and smooth schedule; "
            "name them under figures.figure_22 in the configuration",
        ),
        (
            "figure_09",
            {},
            "figure_09 needs a pretrained network, or an experiment in its place: VGG16 on ImageNet by "
            "PyTorch; name it under figures.figure_09 in the configuration",
        ),
        ("figure_03", {}, "figure_03 is switched off; set figures.figure_03 to {} in the configuration"),
        (
            "figure_17",
            {"figure_17": ["rgb100-smooth"]},
            f"figure_17 needs rgb100-smooth, which is {OFF}; it shows VGG19 on "
            "CIFAR-100, smooth schedule; name another experiment under figures.figure_17",
        ),
        (
            "figure_polarity",
            {"figure_polarity": ["one", "both"]},
            f"figure_polarity needs one, both, which are {OFF}; it shows digits "
            "of one polarity and of both, all else equal; "
            "name other experiments under figures.figure_polarity",
        ),
        (
            "figure_09",
            {"figure_09": ["vgg16"]},
            f"figure_09 needs vgg16, which is {OFF}; it shows VGG16 on ImageNet "
            "by PyTorch; name another pretrained network or experiment under figures.figure_09",
        ),
    ],
)
def test_a_refusal_says_what_is_needed_and_where_to_name_it(name, off, line):
    assert figures.refusal(name, FIGURES[name], off, None) == line


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "figure_07",
            "The paper's figure 7 shows VGG19 on CIFAR-10, step schedule, ten runs.",
        ),
        (
            "figure_polarity",
            "Not in the paper, a test of its section 3.2: "
            "digits of one polarity and of both, all else equal.",
        ),
        ("figure_03", ""),
    ],
)
def test_caption_says_what_the_paper_shows(name, sentence):
    assert figures.in_the_paper(name, FIGURES[name]) == sentence


def test_caption_of_a_figure_without_a_number_names_the_paper():
    figure = figures.PaperFigure("layers", "4", "all layers of three networks")
    assert (
        figures.in_the_paper("invariance_layers", figure) == "The paper shows all layers of three networks."
    )


def test_nothing_is_said_of_the_paper_where_a_figure_is_not_in_it():
    assert figures.in_the_paper("figure_mine", None) == ""
    off = figures.refusal("figure_mine", None, {"figure_mine": ["a"]}, None)
    assert off == f"figure_mine needs a, which is {OFF}; name others under figures.figure_mine"
    assert figures.refusal("mine", None, {}, None) == (
        "mine is no figure of a paper; give it a kind under figures.mine in the configuration"
    )


@pytest.mark.parametrize("off", [{}, {"figure_16": ["rgb100-smooth"]}])
def test_a_figure_of_a_study_that_is_off_says_so_whatever_else_it_lacks(off):
    line = figures.refusal("figure_16", FIGURES["figure_16"], off, "arrangements")
    assert line == "figure_16 is of study arrangements, which is switched off (null)"
