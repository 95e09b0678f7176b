"""What training asks of a GPU beyond torch's operations: a step replayed as one graph, and a clock."""

from collections.abc import Callable

import torch


class Graphed:
    """Runs a function on a GPU as a CUDA graph, so that launching its hundreds of kernels costs one call.

    The first call with arguments of given shapes runs the function as it is, which also lets libraries
    choose their kernels; the second records it, and every later one replays the record: the same
    kernels on the same numbers. Each call has its effect once. The short last batch of an epoch has a
    record of its own.
    """

    def __init__(self, function: Callable[..., None]):
        """Take a function that works in place and returns nothing.

        Besides its arguments, all that it reads or changes are tensors that stay where they are, and
        the global generator; it never waits for the device.
        """
        self.function = function
        self.called: set[tuple] = set()
        self.records: dict[tuple, tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]] = {}
        # Records that never run at the same time can share their memory.
        self.pool = torch.cuda.graph_pool_handle()
        self.stream = torch.cuda.Stream()

    def __call__(self, *arguments: torch.Tensor) -> None:
        """Run the function on tensors that lie on the device."""
        shapes = tuple(argument.shape for argument in arguments)
        if shapes not in self.called:
            self.called.add(shapes)
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.function(*arguments)
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if shapes not in self.records:
            self.records[shapes] = self._record(arguments)
        graph, inputs = self.records[shapes]
        for buffer, argument in zip(inputs, arguments, strict=True):
            buffer.copy_(argument)
        graph.replay()

    def _record(self, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.cuda.CUDAGraph, list[torch.Tensor]]:
        """Return a graph of the function and the tensors from which it takes its arguments."""
        inputs = [argument.clone() for argument in arguments]
        graph = torch.cuda.CUDAGraph()
        # Of this thread alone: a loader's thread may ask CUDA for pinned memory meanwhile.
        with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode="thread_local"):
            self.function(*inputs)
        return graph, inputs


class GpuTimer:
    """Measures the time on a GPU from the first to the last kernel of a context: `seconds`, None on a CPU.

    Waiting for images, or for neighbours on the same GPU, counts.
    """

    def __init__(self, device: torch.device):
        self.device, self.seconds = device, None

    def __enter__(self) -> None:
        if self.device.type == "cuda":
            self.start, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            self.start.record()

    def __exit__(self, *_) -> None:
        if self.device.type == "cuda":
            self.end.record()
            self.end.synchronize()
            self.seconds = round(self.start.elapsed_time(self.end) / 1000, 3)
