"""Running means and sums of squared deviations in float64, merged by the formula of Chan et al. (1979).

Of two sets with counts n and m, means a and b, and sums of squared deviations S and T, the union has

    mean  a + (b - a) m / (n + m)
    sum   S + T + (b - a)^2 n m / (n + m)
"""

from dataclasses import dataclass

import torch


@dataclass
class Moments:
    """Count (G, 1), mean and sum of squared deviations (G, K) of K values in G groups."""

    count: torch.Tensor
    mean: torch.Tensor
    squares: torch.Tensor

    @classmethod
    def none(cls, groups: int, values: int, device: torch.device) -> "Moments":
        """Return those of no values at all."""
        options = {"dtype": torch.float64, "device": device}
        return cls(
            torch.zeros(groups, 1, **options),
            torch.zeros(groups, values, **options),
            torch.zeros(groups, values, **options),
        )

    @classmethod
    def of(cls, values: torch.Tensor, groups: torch.Tensor, membership: torch.Tensor) -> "Moments":
        """Return those of values (B, K) in float64.

        `groups` (B,) says which of the G groups each row belongs to, `membership` (G, B) is 1 there and 0
        elsewhere; a row of which it is 0 throughout does not count.
        """
        count = membership.sum(1, keepdim=True)
        mean = (membership @ values).div_(count.clamp(min=1))
        return cls(count, mean, membership @ mean[groups].sub_(values).square_())

    def add(self, other: "Moments") -> None:
        """Merge others of the same groups into these, in place."""
        total = self.count + other.count
        share = other.count / total.clamp(min=1)
        difference = other.mean - self.mean
        self.mean += difference * share
        self.squares += other.squares
        self.squares += difference.square_().mul_(self.count * share)
        self.count = total

    def merged(self) -> "Moments":
        """Return those of all groups together, as one group."""
        whole = Moments.none(1, self.mean.shape[1], self.mean.device)
        for group in range(len(self.count)):
            part = slice(group, group + 1)
            whole.add(Moments(self.count[part], self.mean[part], self.squares[part]))
        return whole

    def deviation(self) -> torch.Tensor:
        """Return the standard deviation (G, K), n - 1 in the denominator; NaN of fewer than two values."""
        return (self.squares / (self.count - 1)).sqrt().masked_fill(self.count < 2, torch.nan)


class Spread:
    """The standard deviation over calls of values (B, K), each by itself: Welford's update."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = None

    def add(self, values: torch.Tensor) -> None:
        """Take the next values, in float64."""
        self.count += 1
        if self.mean is None:
            self.mean, self.squares = values.clone(), torch.zeros_like(values)
            return
        difference = values - self.mean
        self.mean.add_(difference, alpha=1 / self.count)
        # What is left of the difference to the new mean is (n - 1) / n of that to the old one.
        self.squares.addcmul_(difference, difference, value=1 - 1 / self.count)

    def deviation(self) -> torch.Tensor:
        """Return the standard deviation (B, K), n - 1 in the denominator."""
        return (self.squares / (self.count - 1)).sqrt()
