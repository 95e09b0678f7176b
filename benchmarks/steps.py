"""Take three training steps and end; what they need of memory is read from outside."""

import sys

import training_rows

if __name__ == "__main__":
    side, batch, width = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    if side == "ours":
        step = training_rows.as_ours(training_rows.our_step(batch, width))
    else:
        step = training_rows.as_usual(training_rows.reference_step(batch, width))
    for _ in range(3):
        step()
