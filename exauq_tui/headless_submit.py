"""What `exauq-tui submit` does with a fleet: choose servers, leave out what ran, and follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exauq_tui.config import ServerProfile
from exauq_tui.console import DONE
from exauq_tui.errors import InputError
from exauq_tui.headless import follow_submission, look_at_all, say
from exauq_tui.jobs import Input
from exauq_tui.monitor.fleet import Fleet
from exauq_tui.monitor.input_index import first_of_each
from exauq_tui.monitor.verbs import Destination


def input_names(profiles: Sequence[ServerProfile]) -> tuple[str, ...]:
    """The names of the inputs that some servers take, () where no profile has any.

    Raises:
        InputError: They take different inputs.
    """
    names = {each.input_names for each in profiles if each.input_names}
    if len(names) > 1:
        listed = "; ".join(f"{each.name} {', '.join(each.input_names)}" for each in profiles)
        raise InputError(f"these servers take different inputs: {listed}")
    return next(iter(names), ())


def submit(
    fleet: Fleet,
    destination: Destination,
    inputs: Sequence[Input],
    *,
    batch: str,
    skip_known: bool,
    wait: bool,
) -> int:
    """Submit jobs, start the fleet, and follow the jobs; the exit code.

    Args:
        fleet: The fleet, of the servers that are meant; not started.
        destination: Where to; for a level the servers are looked at first.
        inputs: The input vectors.
        batch: What they are called together.
        skip_known: Whether to leave out inputs that ran already or are under way, and rows that
            repeat an earlier one.
        wait: Whether to wait for the jobs to end.

    Raises:
        InputError: The inputs are not for these servers.
        RecordError: Nothing was submitted.
    """
    if not destination.server:
        fleet.start()
        look_at_all(fleet)  # says which are away: these get jobs only where all are
    if skip_known:
        positions, _ = first_of_each(inputs, fleet.find_runs(destination, inputs))
        skipped = len(inputs) - len(positions)
        inputs = [inputs[position] for position in positions]
        if skipped:
            verb = "input ran already, or is" if skipped == 1 else "inputs ran already, or are"
            say(f"{skipped} {verb} under way: skipped")
        if not inputs:
            return DONE
    new: Mapping[str, Sequence[int]]
    if destination.server:
        new = {destination.server: fleet.submit(destination.server, inputs, batch=batch)}
        fleet.start()
    else:
        new = fleet.submit_to_level(destination.level, inputs, batch=batch)
        say(", ".join(f"{name}: {len(keys)}" for name, keys in new.items()))
    return max(follow_submission(fleet, name, keys, wait=wait) for name, keys in new.items())
