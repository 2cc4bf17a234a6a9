# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# The one lock of a workspace, held for moments by whoever deals with its slots.
#
# It is flock's, of <workspace>/.exauq-tui/lock, which the kernel takes back from the dead. Where
# there is no flock, or the file system has no locks, it is the symbolic link `lock-holder`,
# which names its maker, "HOST BOOT PID TICKS": one that is dead has lost it.

# Take the lock of workspace $1, waiting $2 seconds for it (60). Sets `locked`. Needs host and
# boot. Forks once.
exauq_lock() {
    local own=$1/.exauq-tui deadline=$((SECONDS + ${2:-60})) code proc_ticks=
    locked=
    if type -P flock >/dev/null && { exec 7>>"$own/lock"; } 2>/dev/null; then
        # Waiting from the first saves a process where others have it for moments all the time.
        flock -w "$((deadline - SECONDS))" 7
        code=$?
        # 1: somebody has it, or it is busybox's flock, which cannot wait and fails at once.
        # Anything else: there are no locks here.
        while [[ $code -eq 1 && $SECONDS -lt deadline ]]; do
            flock -n 7
            code=$?
            [[ $code -ne 1 ]] || exauq_pause
        done
        if [[ $code -eq 0 ]]; then
            locked=flock
            return
        fi
        exec 7>&-
        if [[ $code -eq 1 ]]; then return 1; fi
    fi
    exauq_stat "$BASHPID"
    until ln -s -- "$host $boot $BASHPID $proc_ticks" "$own/lock-holder"; do
        [[ $SECONDS -lt deadline && -w $own ]] || return 1
        exauq_break_lock "$own" || exauq_pause
    done
    locked=symlink
}

# Give the lock of workspace $1 back.
exauq_unlock() {
    case $locked in
        flock) exec 7>&- ;;
        symlink) rm -f -- "$1/.exauq-tui/lock-holder" ;;
    esac
    locked=
}

# Whether the maker of the link in $1 is dead; of another machine's, that is believed after ten
# minutes. Forks once.
exauq_holder_is_dead() {
    local holder_host='' holder_boot holder_pid holder_ticks=
    read -r holder_host holder_boot holder_pid holder_ticks < <(readlink -- "$1/lock-holder")
    [[ -n $holder_ticks ]] || return
    if [[ $holder_host != "$host" ]]; then
        [[ -n $(find "$1/lock-holder" -maxdepth 0 -mmin +10 2>/dev/null) ]]
    elif [[ $holder_boot == "$boot" ]]; then
        ! exauq_alive "$holder_pid" "$holder_ticks"
    fi
}

# Remove the link in $1 where its maker is dead; false where nothing came of it. Forks.
exauq_break_lock() {
    exauq_holder_is_dead "$1" || return
    # By one at a time, who looks again: the link may be another one by now.
    if ! mkdir -- "$1/lock-break"; then
        # Whoever died here did so minutes ago.
        [[ -n $(find "$1/lock-break" -maxdepth 0 -mmin +2 2>/dev/null) ]] && rmdir -- "$1/lock-break"
        return
    fi
    if exauq_holder_is_dead "$1"; then rm -f -- "$1/lock-holder"; fi
    rmdir -- "$1/lock-break"
}
