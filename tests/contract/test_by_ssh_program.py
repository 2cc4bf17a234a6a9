"""A few tests of the contract once more, over the user's own ssh program.

What differs is below the agent: how bytes travel, how a connection ends, and what a lost one
means. So these are the tests that move much data, share, break and re-make connections.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.machines import Machine
from tests.contract.test_cancelling import test_many_jobs_cost_one_grace_and_others_are_left_alone
from tests.contract.test_exactly_once import (
    test_a_submission_whose_answer_was_lost_is_recognised_when_it_is_repeated,
)
from tests.contract.test_statuses_and_outputs import (
    test_a_job_is_pending_submit_then_running_then_completed,
    test_logs_are_read_from_any_place_and_never_beyond_the_limit,
)
from tests.contract.test_submitting import (
    test_leaving_the_context_closes_and_connect_opens_again,
    test_threads_share_one_object,
)
from tests.live.sshd import Sshd

pytestmark = pytest.mark.live

__all__ = [
    "test_a_job_is_pending_submit_then_running_then_completed",
    "test_a_submission_whose_answer_was_lost_is_recognised_when_it_is_repeated",
    "test_leaving_the_context_closes_and_connect_opens_again",
    "test_logs_are_read_from_any_place_and_never_beyond_the_limit",
    "test_many_jobs_cost_one_grace_and_others_are_left_alone",
    "test_threads_share_one_object",
]


@pytest.fixture
def machine(sshd: Sshd) -> Iterator[Machine]:
    """The private server, reached by the ssh program."""
    root = Path(tempfile.mkdtemp(dir=sshd.home))
    made = Machine("openssh", sshd.home, root, sshd)
    yield made
    made.clean_up()
