# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Keeping our own files short in a workspace that is used for years.
#
# Why no change goes untold when the journal is replaced by an empty one: who writes a line has
# made true before what it says (a flag, a START, a directory that is gone), and a reader who
# meets another generation than its own looks at everything. So a line that still goes to the old
# journal tells of something that was true before the new one came to be, and that everybody who
# reads the new one has looked at. exauq_verb_submit alone writes before: it looks afterwards
# whether the journal is still the same, and begins a new one where it is not.

# How many bytes of journal are kept at most, and how many lines of `slots` without a limit.
exauq_journal_most=4194304
exauq_slots_most=4096

# Write the first line of a journal to $1, and set generation to what it says.
exauq_begin_journal() {
    local now
    exauq_now
    printf '%s\n' "exauq-journal 1 ${now//./}$RANDOM$RANDOM" >"$1" && exauq_generation_of "$1"
}

# Replace the journal of workspace $1 by an empty one. Forks once.
exauq_renew_journal() {
    local own=$1/.exauq-tui temporary generation
    exauq_name_for_now "$1" new
    temporary=$REPLY
    { exec 5>>"$own/journal"; } || return
    if exauq_begin_journal "$temporary" && mv -f -- "$temporary" "$own/journal"; then
        # Who watches the old one reads there that it is over. Others find out by themselves.
        printf '\nexauq-journal 1 %s\n' "$generation" >&5
    else
        rm -f -- "$temporary"
    fi
    exec 5>&-
}

# Shorten what became too long in workspace $ws, whose lock we hold. Forks once.
exauq_tidy() {
    local size
    local -a lines=()
    size=$(wc -c <"$own/journal")
    if [[ ${size//[!0-9]/} -gt $exauq_journal_most ]]; then exauq_renew_journal "$ws"; fi
    # With a limit they are read, and shortened, all the time.
    if [[ $limit -eq 0 ]]; then
        mapfile -t -n "$((exauq_slots_most + 1))" lines <"$own/slots"
        if [[ ${#lines[@]} -gt $exauq_slots_most ]]; then exauq_read_slots ''; fi
    fi
}
