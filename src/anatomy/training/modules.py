"""The modules that the settings of a run find by their names; without torch."""

from anatomy.networks import family
from anatomy.runtime.settings import Settings
from anatomy.training import losses, schedules

# The run of a subspace.
SUBSPACE = "anatomy.training.subspace_run"


def modules_of(settings: Settings) -> list[str]:
    """Return the modules that a run imports by their names: of its network, its schedule and its loss.

    And that of a subspace if it trains one. `InputError` if there is none of a name.
    """
    return [
        *([] if settings.subspace is None else [SUBSPACE]),
        family.module_of(settings.architecture),
        schedules.module_of(settings.schedule.kind),
        losses.module_of(settings.loss.kind),
    ]
