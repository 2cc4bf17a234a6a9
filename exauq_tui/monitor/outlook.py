"""What is told of a server before its thread says anything: how it stands, where its jobs are."""

from __future__ import annotations

from exauq_tui.config import ServerProfile
from exauq_tui.monitor.interfaces import endpoint_of, where_of
from exauq_tui.monitor.record import Record
from exauq_tui.monitor.snapshot import ServerView
from exauq_tui.monitor.store import Place, Target


def first_view(profile: ServerProfile) -> ServerView:
    """How a server stands that nobody has tried to reach yet."""
    return ServerView(
        name=profile.name,
        kind=profile.kind,
        where=where_of(profile),
        input_names=profile.input_names,
        level=profile.level,
    )


def find_target(profile: ServerProfile, record: Record) -> Target:
    """Where a profile points, by what the record tells of the workspace made for it."""
    endpoint, configured = endpoint_of(profile), profile.workspace_dir or ""
    found = record.place(profile.name, endpoint, configured)
    return Target(Place(profile.name, endpoint, found or configured), found is not None)
