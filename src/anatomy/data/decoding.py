"""Image files to pixels with Pillow, byte for byte as torchvision's transforms of Pillow images."""

import io
import math
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from anatomy.runtime.errors import InputError

# Of the random crop of the authors' code, torchvision's RandomResizedCrop: part of the area, width / height.
CROP_AREA = (0.08, 1.0)
CROP_RATIO = (3 / 4, 4 / 3)
CROP_ATTEMPTS = 10

# Most pixels of an image that is scaled as a whole, in 1 GiB; Pillow opens none that has more to begin with.
MOST_SCALED = 1 << 28

# What file managers leave behind among images.
IGNORED = {"Thumbs.db", "desktop.ini"}

# Left, top, right, bottom in pixels.
Box = tuple[int, int, int, int]
# Those that Pillow decodes itself; for PostScript it would start Ghostscript, whatever the name of the file.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
# The tag of TIFF that says how many bits a channel has.
BITS_PER_SAMPLE = 258
# Pillow warns of large images, over several lines, and refuses those of twice that size.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def _not_decoded(where: str, error: BaseException) -> InputError:
    reason = f"none of {', '.join(FORMATS)}" if isinstance(error, UnidentifiedImageError) else error
    return InputError(f"{where} cannot be decoded as an image ({reason})")


def _check_mode(image: Image.Image) -> None:
    """Raise `ValueError` for more than 8 bits per channel, which Pillow would cut where there are colours."""
    expected = "expected 8 bits per channel"
    if image.mode.startswith(("I", "F")):
        raise ValueError(f"mode {image.mode}; {expected}")
    if (bits := _bits(image)) > 8:
        raise ValueError(f"{bits} bits per channel; {expected}")


def _bits(image: Image.Image) -> int:
    """Return the bits per channel of a file just opened, 8 where its format has no more."""
    if image.format == "TIFF":
        return max(image.tag_v2.get(BITS_PER_SAMPLE, (1,)))
    # What Pillow is about to read: of PNG names like RGB;16B, of PPM the largest value beside the name.
    coded = [tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in image.tile]
    if image.format == "PPM":
        return max((int(args[1]).bit_length() for args in coded if len(args) > 1), default=8)
    return 16 if image.format == "PNG" and any(str(args[0]).endswith(";16B") for args in coded) else 8


def check_header(file: str | io.BytesIO, where: str) -> tuple[int, int]:
    """Return width and height that an image says it has, before its pixels are read.

    `InputError` unless `file` begins like an image of 8 bits per channel.
    """
    try:
        with Image.open(file, formats=FORMATS) as image:
            _check_mode(image)
            return image.size
    except MemoryError:
        raise
    except Exception as error:
        # Pillow raises whatever the first wrong byte leads one of its readers to.
        raise _not_decoded(where, error) from error


def decode(content: bytes, mode: str, where: str) -> Image.Image:
    """Return the image converted to `mode`, RGB or L (grey); its EXIF orientation is not applied."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_mode(image)
            return image.convert(mode)
    except MemoryError:
        raise
    except Exception as error:
        raise _not_decoded(where, error) from error


def pixels(image: Image.Image) -> np.ndarray:
    """Return an image as uint8 (C, H, W)."""
    values = np.asarray(image)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def centre_crop(image: Image.Image, resize: int, crop: int) -> Image.Image:
    """Scale the shorter side to `resize` pixels, antialiased, and cut `crop` by `crop` from the centre.

    `resize` is at least `crop`, so that nothing is left to fill. An image that has the size is not
    scaled. Of one that is so long and thin that it would have more than `MOST_SCALED` pixels only the square
    is made, to within two grey levels.
    """
    width, height = size = image.size
    shorter, longer = min(width, height), int(resize * max(width, height) / min(width, height))
    if shorter != resize:
        size = (resize, longer) if width <= height else (longer, resize)
    left, top = (round((side - crop) / 2) for side in size)
    if math.prod(size) > MOST_SCALED:
        across, down = width / size[0], height / size[1]
        box = left * across, top * down, (left + crop) * across, (top + crop) * down
        return image.resize((crop, crop), Image.Resampling.BILINEAR, box)
    if shorter != resize:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return image.crop((left, top, left + crop, top + crop))


def random_box(width: int, height: int, generator: np.random.Generator) -> Box:
    """Draw the box that a RandomResizedCrop cuts from an image: area uniform, ratio log-uniform.

    After ten boxes that do not fit, the largest one in the centre within the bounds of the ratio.
    """
    low, high = CROP_RATIO
    for _ in range(CROP_ATTEMPTS):
        area = width * height * generator.uniform(*CROP_AREA)
        ratio = math.exp(generator.uniform(math.log(low), math.log(high)))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left = int(generator.integers(0, width - across, endpoint=True))
            top = int(generator.integers(0, height - down, endpoint=True))
            return left, top, left + across, top + down
    across, down = width, height
    if width / height < low:
        down = round(width / low)
    elif width / height > high:
        across = round(height * high)
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def resized_crop(image: Image.Image, box: Box, size: int) -> Image.Image:
    """Cut `box` and scale it to `size` by `size` pixels, antialiased."""
    part = image.crop(box)
    return part if part.size == (size, size) else part.resize((size, size), Image.Resampling.BILINEAR)
