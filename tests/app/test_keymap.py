"""Rebinding keys in the config."""

from typing import get_args

import pytest

from exauq_tui.app import keymap
from exauq_tui.app.command_list import COMMANDS, Scope
from exauq_tui.app.commands import CommandTable, bindings, command_by_id, markdown_table


def test_the_table_itself_has_no_clash() -> None:
    _, problems = keymap.resolve({})
    assert problems == ()
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)


def test_a_command_is_rebound() -> None:
    table, problems = keymap.resolve({"cancel": "x, ctrl+x"})
    assert problems == ()
    assert table.keys(command_by_id("cancel")) == ("x", "ctrl+x")
    assert table.textual_keymap == {"cancel": "x,ctrl+x"}


def test_two_commands_may_swap_their_keys() -> None:
    table, problems = keymap.resolve({"cancel": "s", "submit": "c"})
    assert problems == ()
    assert table.keys(command_by_id("submit")) == ("c",)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"cancle": "x"}, 'there is no such command; did you mean "cancel"?'),
        ({"cancel": ""}, "needs at least one key"),
        ({"cancel": "hyper+x"}, '"hyper+x" is not the name of a key'),
        ({"cancel": "q"}, 'the key "q" belongs to "quit" already'),
        ({"cancel": "y"}, '"y" answers confirmations'),
        ({"delete-jobs": "enter"}, '"enter" answers confirmations'),
        ({"cancel": "ctrl+m"}, '"enter" answers confirmations'),
        ({"submit": "ctrl+i"}, 'the key "tab" belongs to "next-pane" already'),
        ({"submit": "ctrl+q"}, "always quits"),
        ({"mark": "s"}, 'belongs to "submit" already'),
    ],
)
def test_an_entry_that_makes_no_sense_is_left_out_and_told(
    entries: dict[str, str], words: str
) -> None:
    table, (problem,) = keymap.resolve(entries)
    assert words in problem
    assert problem.startswith("[keymap] ")
    assert table.textual_keymap == {}


def test_quit_keeps_a_key_whatever_is_asked() -> None:
    table, problems = keymap.resolve({"submit": "q", "quit": "s"})
    assert problems == ()
    assert table.keys(command_by_id("quit")) == ("s",)
    table, problems = keymap.resolve({"cancel": "Q", "quit": "Q"})
    assert len(problems) >= 1
    assert table.keys(command_by_id("quit"))


def test_one_key_may_mean_two_things_in_places_that_never_meet() -> None:
    _, problems = keymap.resolve({"log-wrap": "c"})
    assert problems == ()


def test_a_key_of_the_whole_app_may_not_be_one_of_a_single_screen() -> None:
    table, (problem,) = keymap.resolve({"cancel": "K", "quit": "c"})
    assert 'the key "c" belongs to "server-connect" already' in problem
    assert table.keys(command_by_id("quit")) == ("q",)


def test_every_command_is_bound_and_documented() -> None:
    bound = {
        binding.id  # type: ignore[union-attr]  # never a tuple here
        for scope in get_args(Scope)
        for binding in bindings(scope)
    }
    assert bound == {command.id for command in COMMANDS}
    text = markdown_table()
    assert all(f"| {command.id} |" in text for command in COMMANDS)


def test_the_footer_is_in_order() -> None:
    footer = CommandTable().footer(("main", "table", "app"))
    assert [command.id for command in footer][:3] == ["submit", "cancel", "resubmit"]
