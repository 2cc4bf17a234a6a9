"""Agents, and others of the server program, that are killed at a certain command of theirs.

The program is sent with a few lines more, which look for the file `strike` in the home directory:
"NAME NUMBER SIGNAL". Whoever sets out to do NAME then (to answer a request of that name, to `fill`
slots, to `stop` jobs) removes the file and gets the signal right before its command of that
number. Having come to the end it tells in the file `steps` how many commands there were.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.machines import alter_program

_LINES = r"""
exauq_test_begin() {
    local name='' at='' signal=''
    read -r name at signal <"$HOME/strike"
    [[ $name == "$1" ]] || return 0
    mv -f -- "$HOME/strike" "$HOME/struck"
    printf '%s\n' $$ >>"$HOME/struck"
    # Subshells count on by themselves: whoever gets there first strikes, and nobody after that.
    : >"$HOME/loaded"
    exauq_test_steps=0 exauq_test_at=$at exauq_test_signal=$signal
    set -T
    trap '((++exauq_test_steps != exauq_test_at)) ||
        { rm -- "$HOME/loaded" && kill -"$exauq_test_signal" $$; }' DEBUG
}
exauq_test_end() {
    trap - DEBUG
    set +T
    [[ -z ${exauq_test_at-} ]] || printf '%s\n' "$exauq_test_steps" >"$HOME/steps"
    exauq_test_at=
}
exauq_main() {"""

_REQUEST = '"exauq_verb_$verb" "${request[@]}"'
_FILL = 'fill) exauq_fill "${@:2}" ;;'
_STOP = 'stop) exauq_stop "${@:2}" ;;'


class Steps:
    """Tells those who work in sessions that start in a home directory when to be struck."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._order = home / "strike"
        self._taken = home / "struck"
        self._report = home / "steps"
        alter_program(
            monkeypatch,
            ("\nexauq_main() {", _LINES),
            (_REQUEST, f'exauq_test_begin "$verb"; {_REQUEST}; exauq_test_end'),
            (_FILL, 'fill) exauq_test_begin fill; exauq_fill "${@:2}"; exauq_test_end ;;'),
            (_STOP, 'stop) exauq_test_begin stop; exauq_stop "${@:2}"; exauq_test_end ;;'),
        )

    def strike(self, name: str, number: int, signal: str = "KILL") -> None:
        """Strike the next who does `name` before command `number`; 0: just count."""
        for path in (self._report, self._taken):
            path.unlink(missing_ok=True)
        # Whole at once: somebody may be looking.
        whole = self._order.with_suffix(".new")
        whole.write_text(f"{name} {number} {signal}\n")
        whole.rename(self._order)

    @property
    def struck(self) -> int | None:
        """Who set out to do what was named."""
        words = self._taken.read_text().split() if self._taken.exists() else []
        return int(words[3]) if len(words) > 3 else None

    @property
    def count(self) -> int | None:
        """How many commands there were, where the end was reached."""
        words = self._report.read_text().split() if self._report.exists() else []
        return int(words[0]) if words else None
