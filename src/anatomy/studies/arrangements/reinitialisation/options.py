"""Options of the programs that reset layers. Imports no numpy or torch."""

from argparse import ArgumentParser

from anatomy.runtime.options import natural, positive, threads, workers


def add_options(parser: ArgumentParser) -> None:
    """Add what layers are reset to beside checkpoints, and with which effort the network is measured."""
    parser.add_argument(
        "--rand",
        type=natural,
        nargs="?",
        const=1,
        default=0,
        metavar="N",
        help="also reset to fresh random weights, in N independent draws; 1 if N is absent",
    )
    parser.add_argument("--with-linear", action="store_true", help="reset the linear layers as well")
    parser.add_argument(
        "--batch-size", type=positive, default=128, help="most images evaluated at a time (128)"
    )
    parser.add_argument(
        "--memory", type=positive, metavar="MIB", help="bounds the activations; 512 on a CPU, 8192 on a GPU"
    )
    parser.add_argument("--threads", type=threads, default=1, help="CPU threads (1)")
    parser.add_argument(
        "-j", "--workers", type=workers, default=1, help="processes that read image files (1)"
    )
