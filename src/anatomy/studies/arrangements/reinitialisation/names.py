"""What layers are reset to, in words: names of resets, and their order."""

from anatomy.studies.arrangements.epochs import order_of_epoch

RANDOM = "random"


def draw_name(draw: int) -> str:
    """Return the name of a draw of fresh weights, counted from 1: random, random-2, random-3, ..."""
    return RANDOM if draw == 1 else f"{RANDOM}-{draw}"


def is_random(reset_to: str) -> bool:
    """Tell whether a reset is a draw of fresh weights, and not the weights of an epoch."""
    return reset_to.partition("-")[0] == RANDOM


def order_of_reset(reset_to: str) -> tuple[float, str]:
    """Return a key that sorts resets: fresh weights, then epochs in their order."""
    return (-1.0, reset_to) if is_random(reset_to) else (order_of_epoch(int(reset_to)), "")
