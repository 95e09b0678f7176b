"""What the schema cannot tell about data sets, and about data of a run: keys that do not go together."""

from collections.abc import Iterator

from anatomy.runtime.settings import Settings


def crop_problems(dataset: Settings) -> Iterator[str]:
    """Yield what is wrong with `crop` of a data set, beginning with the key."""
    if dataset.source == "images" and dataset.crop > dataset.resize:
        yield f"crop: {dataset.crop} is larger than resize; allowed: 1 to {dataset.resize}"


def noise_problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with `label_noise` of a run, each beginning with the key."""
    noise = settings.label_noise
    if noise.kind == "permuted":
        if noise.fraction not in (0, 1):
            yield (
                f"label_noise.fraction: {noise.fraction:g} of the labels cannot be permuted; "
                "kind permuted permutes all, remove the key"
            )
        if noise.exact:
            yield "label_noise.exact: kind permuted permutes all labels; remove the key"
    elif noise.fraction == 0:
        for key in ("exact", "seed"):
            if getattr(noise, key) not in (False, None):
                yield f"label_noise.{key}: no label is replaced (fraction 0); set fraction, or remove the key"
    subset = settings.class_subset
    if noise.kind == "wrong" and noise.fraction and subset is not None and subset.count == 1:
        yield "label_noise.kind: no label is wrong where there is one class (class_subset); remove the key"
    if noise.kind != "permuted" and noise.groups is not None:
        yield f"label_noise.groups: kind {noise.kind} has none; set kind to permuted, or remove the key"


def point_problems(settings: Settings) -> Iterator[str]:
    """Yield what a run asks of images that points do not have, each beginning with the key."""
    # What equals a default is not asked for.
    asked = settings.stored()
    keys = [key for key in ("upscaling", "pixel_shuffle") if asked.get(key)]
    keys += [f"augmentation.{key}" for key, value in asked.get("augmentation", {}).items() if value]
    for key in keys:
        yield f"{key}: the data set has points and no images; remove the key"
    if settings.pixels not in ("standardised", "raw"):
        yield f"pixels: {settings.pixels} is for images; points are standardised or raw"
