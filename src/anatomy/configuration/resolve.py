"""The whole configuration: inherited, selected, validated, completed, and refused with the key at fault.

In this order: experiments take over what they are `like`; `only` and null switch off; the schema is held
against what is left; defaults are filled in; what no study measures is left out, unless something that is
measured starts from it; the engine and every study that is on look for what the schema cannot tell; figures
find what they draw.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anatomy.configuration.figures import Figure, drawn, figure_problems, with_kinds
from anatomy.configuration.inheritance import inherited, like_problems, without_null
from anatomy.configuration.messages import allowed_names, schema_problems, unknown_null_keys
from anatomy.configuration.starts import all_ancestors, not_measured, pair_problems, start_problems
from anatomy.configuration.studies import STUDIES, Study
from anatomy.configuration.texts import (
    data_problems,
    name_problems,
    results_problems,
    size_problems,
    value_problems,
)
from anatomy.networks.catalogue import (
    dropout_problem,
    lacks_convolutions,
    log_probabilities_problem,
    options_problem,
    points_problem,
    side_problem,
    width_problem,
)
from anatomy.reporting.figures import left_out
from anatomy.runtime.errors import InputError, ProblemsError
from anatomy.runtime.own_code import is_own
from anatomy.runtime.run_checks import crop_problems, noise_problems, point_problems
from anatomy.runtime.schema import RUN, defaults, merge, written_out
from anatomy.runtime.settings import Settings, run_problems, snapshot_epochs

# Files of a run that Snakemake still looks at in seconds.
MOST_SNAPSHOTS = 10_000
REQUIRED = ("dataset", "architecture", "epochs", "seeds")


@dataclass(frozen=True)
class Configuration:
    """A validated configuration; everything switched off is gone, every default filled in."""

    device: str
    runs_per_gpu: int
    # Seconds.
    save_every: int
    data: str
    # Snakemake's, with the directory of results.
    pathvars: Mapping[str, str]
    datasets: Mapping[str, Settings]
    # Experiments that are trained: those that a study measures, and those that these start from.
    experiments: Mapping[str, Settings]
    # Studies that are on, with their own settings, and the experiments that each measures.
    studies: Mapping[str, Settings]
    measured: Mapping[str, Sequence[str]]
    figures: Mapping[str, Figure]
    # What is named for a figure but switched off.
    switched_off: Mapping[str, Sequence[str]]
    # Lines for people: what is left out, and why.
    notes: Sequence[str]
    # The schema of what decides the weights of a run.
    run: Mapping[str, Any]

    def run_settings(self, experiment: str) -> Settings:
        """Return the part of an experiment that decides the weights and files of its runs."""
        return self.experiments[experiment].part(self.run)


def resolve(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Configuration:
    """Resolve a configuration; `schema` is that of `read_schemas`. `InputError` lists everything wrong."""
    _refuse(size_problems(config))
    _refuse(value_problems(config))
    config, parents = _written_out(config, schema), _parents(config)
    config = _with_inheritance(config)
    asked, shared = _experiments_of(config), _defaults_of(config)
    config, only_started_from = _selected(config)
    _refuse(unknown_null_keys(config, schema))
    off, written = _switched_off(config), _experiments_of(config)
    config = with_kinds(without_null(config))
    _refuse(schema_problems(config, schema))
    config = {**defaults(schema), **config}
    if "like" in config["defaults"]:
        raise InputError("configuration: defaults.like: only an experiment is like another; remove the key")
    pathvars = merge(defaults(schema["properties"]["pathvars"]), config.get("pathvars", {}))
    _refuse([*results_problems(pathvars["results"]), *data_problems(config["data"]), *name_problems(config)])
    studies = {
        study: Settings(config["studies"].get(study, {}), part)
        for study, part in schema["properties"]["studies"]["properties"].items()
        if ("studies", study) not in off
    }
    part = schema["$defs"]["experiment"]
    base = merge(defaults(part), config["defaults"])
    every = {name: without_null(merge(base, written[name])) for name in config["experiments"]}
    # What others are like and names no data set is not trained itself.
    only = config.get("only", ())
    templates = {name for name in parents if "dataset" not in (written.get(name) or ()) and name not in only}
    measured = {
        study: [name for name, own in every.items() if study in own and name not in templates]
        for study in studies
    }
    wanted = [name for name in every if any(name in names for names in measured.values())]
    started_from = all_ancestors(wanted, asked, shared)
    trained = {name: own for name, own in every.items() if name in wanted or name in started_from}
    _refuse(start_problems(trained, asked, shared))
    datasets = {
        name: Settings(own, schema["$defs"]["own_source" if is_own(own["source"]) else own["source"]])
        for name, own in config["datasets"].items()
    }
    _refuse(_dataset_problems(datasets))
    experiments = {name: Settings(own, part) for name, own in trained.items()}
    _refuse(
        problem
        for name, own in experiments.items()
        for problems in (
            _experiment_problems(f"experiments.{name}", own, datasets, studies),
            pair_problems(f"experiments.{name}", own, experiments),
        )
        for problem in problems
    )
    _refuse(
        problem
        for study, own in studies.items()
        for problem in STUDIES[study].settings.study_problems(f"studies.{study}", own, experiments)
    )
    drawable = {study: STUDIES[study].settings.drawable(own) for study, own in studies.items()}
    named_off = {name for section, name in off if section != "studies"}
    known = {*experiments, *(name for names in drawable.values() for name in names)}
    figures, switched_off = drawn(config["figures"], studies, (named_off - known) | only_started_from)
    _refuse(figure_problems(figures, experiments, measured, drawable, every.keys() - templates))
    return Configuration(
        device=config["device"],
        runs_per_gpu=config["runs_per_gpu"],
        save_every=config["save_every"],
        data=config["data"],
        pathvars=pathvars,
        datasets=datasets,
        experiments=experiments,
        studies=studies,
        measured=measured,
        figures=figures,
        switched_off=switched_off,
        notes=[
            *_left_out(figures, switched_off),
            *_unmeasured(every.keys() - trained.keys() - parents, studies),
            *_past_the_end(experiments),
        ],
        run=schema["$defs"][RUN],
    )


def _left_out(figures: Mapping[str, Figure], switched_off: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which figures change because of what is switched off."""
    return list(filter(None, [left_out(figures, switched_off)]))


def _unmeasured(names: set[str], studies: Iterable[str]) -> list[str]:
    """Say which experiments are not trained, as no study that is on measures them."""
    if not names:
        return []
    hint = "; ".join(f"add `{study}: {{}}` to have {study} measure one" for study in studies)
    return [
        f"not trained, as no study that is on measures them: {', '.join(sorted(names))}; "
        + (hint or f"all studies are switched off (null): {', '.join(STUDIES)}")
    ]


def _past_the_end(experiments: Mapping[str, Settings]) -> Iterator[str]:
    """Yield which milestones, and what after a warm-up, a shortened run never comes to."""
    for name, own in experiments.items():
        schedule, where = own.schedule, f"experiments.{name}.schedule"
        if late := [epoch for epoch in schedule.milestones or () if epoch >= own.epochs]:
            names = ", ".join(map(str, late))
            yield f"{where}.milestones: {names} never come, as the run has {own.epochs} epochs"
        if schedule.warmup >= own.epochs:
            yield f"{where}.warmup: {schedule.warmup} epochs of a run of {own.epochs}; the rest never comes"


def _experiments_of(config: Any) -> Mapping[str, Any]:
    """Return the experiments of a configuration that may be wrong in any way; empty if it has none."""
    section = config.get("experiments") if isinstance(config, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def _written_out(config: Any, schema: Mapping[str, Any]) -> Any:
    """Return the configuration with mappings where short forms stand for them, so that they merge."""
    if not isinstance(config, Mapping):
        return config
    part = schema["$defs"]["experiment"]
    experiments = {
        name: written_out(own, part) if isinstance(own, Mapping) else own
        for name, own in _experiments_of(config).items()
    }
    changed = {"experiments": experiments} if experiments else {}
    if isinstance(config.get("defaults"), Mapping):
        changed["defaults"] = written_out(config["defaults"], part)
    return {**config, **changed}


def _parents(config: Any) -> set[str]:
    """Return the experiments that others are `like`."""
    experiments = _experiments_of(config)
    named = [own.get("like") for own in experiments.values() if isinstance(own, Mapping)]
    return {name for name in experiments if name in named}


def _with_inheritance(config: Any) -> Any:
    """Return the configuration with experiments that have what they inherit."""
    experiments = _experiments_of(config)
    if not all(own is None or isinstance(own, Mapping) for own in experiments.values()):
        return config
    _refuse(like_problems(experiments))
    return {**config, "experiments": inherited(experiments)} if experiments else config


def _defaults_of(config: Any) -> Any:
    """Return the defaults of a configuration that may be wrong in any way; None if it has none."""
    return config.get("defaults") if isinstance(config, Mapping) else None


def _selected(config: Any) -> tuple[Any, set[str]]:
    """Switch off every experiment that `only` does not name, but for those that the named ones start from.

    These are not measured, and returned beside the configuration.
    """
    experiments = _experiments_of(config)
    only = config.get("only") if isinstance(config, Mapping) else None
    if not isinstance(only, list) or not experiments:
        return config, set()
    _refuse(
        f"only: {name!r} is not an experiment; {allowed_names(name, experiments)}"
        for name in only
        if name not in list(experiments)
    )
    started_from = all_ancestors(only, experiments, _defaults_of(config)) - {*only}
    kept = {name: own if name in only else None for name, own in experiments.items()}
    kept |= {name: not_measured(experiments[name], STUDIES) for name in started_from}
    return {**config, "experiments": kept}, started_from


def _switched_off(config: Any) -> set[tuple[str, str]]:
    """Return (section, name) of every experiment, study, and entry of a study that is null."""
    if not isinstance(config, Mapping):
        return set()
    studies = config.get("studies")
    sections = [("experiments", _experiments_of(config))]
    if isinstance(studies, Mapping):
        sections.append(("studies", studies))
        parts = [part for own in studies.values() if isinstance(own, Mapping) for part in own.items()]
        sections += [(key, part) for key, part in parts if isinstance(part, Mapping)]
    return {(key, name) for key, section in sections for name, own in section.items() if own is None}


def _refuse(problems: Iterable[str]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        raise ProblemsError([f"configuration: {found[0]}", *found[1:]])


def _dataset_problems(datasets: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what the schema cannot tell about the data sets."""
    for name, settings in datasets.items():
        if (
            settings.source == "embedded"
            and settings.polarity == "both"
            and settings.variant != "digits-grey"
        ):
            yield (
                f"datasets.{name}.polarity: {settings.variant} has digits of both polarities as it is; "
                "remove the key, or set variant to digits-grey"
            )
        yield from (f"datasets.{name}.{problem}" for problem in crop_problems(settings))


def _experiment_problems(
    where: str, settings: Settings, datasets: Mapping[str, Settings], studies: Iterable[str]
) -> Iterator[str]:
    """Yield what the schema cannot tell about one experiment with its defaults."""
    missing = [key for key in REQUIRED if getattr(settings, key) is None]
    if missing:
        for key in missing:
            yield f"{where}: key {key} is missing; set it there or in defaults"
        return
    if problem := width_problem(settings.architecture, settings.width):
        yield f"{where}.width: {problem}"
    if problem := options_problem(settings.architecture, settings.options, f"{where}.options"):
        yield problem
    if problem := dropout_problem(settings.architecture, settings.dropout):
        yield f"{where}.dropout: {problem}"
    network = settings.architecture, settings.options
    if settings.loss.kind == "nll" and (problem := log_probabilities_problem(*network)):
        yield f"{where}.loss.kind: {problem}"
    subspace = settings.subspace
    if subspace is not None and subspace.beta and lacks_convolutions(settings.architecture):
        yield f"{where}.subspace.beta: {settings.architecture} has no convolutions; set beta to 0"
    yield from (f"{where}.{problem}" for problem in noise_problems(settings))
    if settings.dataset not in datasets:
        name = settings.dataset
        yield f"{where}.dataset: {name!r} is not a data set; {allowed_names(name, datasets)}"
    else:
        yield from _image_problems(where, settings, datasets[settings.dataset])
    measuring = {study: getattr(settings, study) for study in studies if getattr(settings, study) is not None}
    for study, own in measuring.items():
        yield from STUDIES[study].settings.experiment_problems(f"{where}.{study}", own)
        yield from _points_not_measured(f"{where}.{study}", settings.dataset, datasets, STUDIES[study])
    yield from run_problems(settings, f"{where}.")
    asked = settings.snapshots.epochs
    epochs = {"snapshots": () if asked == "all" else asked}
    for study, own in measuring.items():
        for key, values in STUDIES[study].settings.epochs_read(own).items():
            epochs[f"{study}.{key}"] = values
    for key, values in {"seeds": settings.seeds, **epochs}.items():
        twice = next((value for value, count in Counter(values).items() if count > 1), None)
        if twice is not None:
            yield f"{where}.{key}: {twice} is listed twice; expected distinct values"
    kept = snapshot_epochs(settings)
    if len(kept) > MOST_SNAPSHOTS:
        yield (f"{where}.snapshots: {len(kept)} epochs are kept, a file each; list {MOST_SNAPSHOTS} at most")
        return
    for key, values in epochs.items():
        for epoch in values:
            if epoch > settings.epochs:
                yield (
                    f"{where}.{key}: epoch {epoch} is past the end; allowed: 0 to {settings.epochs} (epochs)"
                )
            elif epoch not in kept:
                yield (f"{where}.{key}: epoch {epoch} has no snapshot; allowed: {', '.join(map(str, kept))}")


def _points_not_measured(
    where: str, dataset: str, datasets: Mapping[str, Settings], study: Study
) -> Iterator[str]:
    """Yield what is wrong with measuring an experiment on points: a study may need images."""
    points = dataset in datasets and datasets[dataset].source == "points"
    if points and not getattr(study.settings, "MEASURES_POINTS", True):
        yield f"{where}: data set {dataset!r} has points, and this study measures images only; remove the key"


def _image_problems(where: str, settings: Settings, dataset: Settings) -> Iterator[str]:
    """Yield what an experiment asks of its images that those of a data set do not allow."""
    source = dataset.source
    if source == "points":
        yield from (f"{where}.{problem}" for problem in point_problems(settings))
        if problem := points_problem(settings.architecture):
            yield f"{where}.architecture: {problem}"
        return
    side = settings.side_of("upscaling") or _side_of(dataset)
    if side is not None and (problem := side_problem(settings.architecture, side)):
        yield f"{where}.architecture: {problem}"
    if settings.augmentation.random_resized_crop and source != "images":
        yield (
            f"{where}.augmentation.random_resized_crop: images of data set {settings.dataset!r} are small "
            "and of one size; expected a data set with `source: images`"
        )
    if settings.upscaling and source == "images":
        yield (
            f"{where}.upscaling: images of data set {settings.dataset!r} are scaled by its `resize` and "
            "`crop`; remove the key"
        )
    if settings.pixel_shuffle and source == "images":
        yield (
            f"{where}.pixel_shuffle: one permutation for each image of data set {settings.dataset!r} does "
            "not fit in memory; expected a data set of another source than `images`"
        )


def _side_of(dataset: Settings) -> int | None:
    """Return the pixels along a side of the images of a data set; None if only reading them tells."""
    if dataset.source == "images":
        return dataset.crop
    sides = [dataset.side_of(key) for key in ("variant", "official") if key in dataset]
    return next(iter(sides), None)
