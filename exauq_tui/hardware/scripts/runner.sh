# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Starting jobs, and the recorder: one process per running job that sees how it ends.

# Start the recorder of job $2 in workspace $1, in a session of its own.
exauq_launch() {
    (exauq_give_way "$@") &
}

# End this process, and be the recorder of job $2 in workspace $1 instead, in a session of its own.
exauq_give_way() {
    exauq_restore_locale
    # A recorder ignores these. A shell that is started so could never un-ignore them, and nor
    # could its simulator.
    trap - TERM INT HUP
    cd / || exit 1
    # It forks where this process leads a session.
    exec setsid /bin/bash -p "$1/$2/runner.sh" </dev/null >/dev/null 2>&1 3>&- 5<&- 7>&- 8<&- 9>&-
}

# Run the job in directory $1 once and record how it ended. Called by the job's runner.sh, which
# sets exauq_program, exauq_script, exauq_log, exauq_workdir and exauq_setup.
exauq_record() {
    local dir=$1 ws id host boot now token submitted started code claimed=
    local proc_state proc_parent proc_group proc_session proc_ticks start_time
    id=${dir##*/} ws=${dir%/*}
    # A TERM for the whole group is meant for the simulator; somebody has to see it end.
    trap '' TERM INT HUP
    exauq_identify
    # Half a directory is one that somebody is removing: its job may have run already.
    [[ -e $dir/token && -e $dir/input.csv && -s $dir/exauq_manager.sh ]] || exit 0
    exauq_stat $$ || exit 1
    exauq_now
    started=$now
    # As exauq_claim, but signed in the same breath; of who is killed in between, STARTING tells.
    printf '%s\n' "$host $boot $$ $proc_ticks start" >>"$dir/STARTING"
    set -o noclobber
    { claimed=yes; printf '%s\n' "$host $boot $$ $proc_ticks $started"; } >"$dir/START"
    code=$?
    set +o noclobber
    [[ -n $claimed ]] || exit 0
    if [[ $code -ne 0 ]]; then
        exauq_end "$dir" "$ws" "$id" F "$started" "$started" - 'not started: the disk is full'
        exauq_fill "$ws" ended
        exit 1
    fi
    # Asked to stop before there was anything to stop, or taken for dead before it had signed:
    # whoever did so says what became of the job, and must not be contradicted.
    if [[ -e $dir/STOPPING || -e $dir/END ]]; then exit 0; fi
    exauq_read_token "$dir"
    printf -v start_time '%(%a %b %e %T %Y)T' -1 2>/dev/null || start_time=$(date '+%a %b %e %T %Y')
    {
        printf '%s' $$ >"$dir/PID"
        printf '%s' "$proc_group" >"$dir/PGID"
        printf '%s\n' "${USER:-${LOGNAME:-$(id -un)}},$$,$start_time" >"$dir/JOBID"
    } 2>/dev/null
    exauq_journal "$ws" "$id R $submitted $started - - $token - "
    # Not with "&" and `wait`: Bash would do more for that than the rest of a start takes.
    (exauq_simulate "$dir" "$id:$token")
    code=$?
    exauq_now
    if [[ -e $dir/STOPPING ]]; then
        # Who asked for the end says Cancelled, once nothing of the job is left; its slot is
        # free from then on.
        printf '%s\n' "$code" >"$dir/EXIT"
        exit 0
    elif [[ -e $dir/output.txt ]]; then
        exauq_end "$dir" "$ws" "$id" C "$started" "$now" "$code" ''
    else
        exauq_end "$dir" "$ws" "$id" F "$started" "$now" "$code" ''
    fi
    exauq_fill "$ws" ended
    exit 0
}

# Become the simulator of the job in directory $1; $2 is the mark that its processes carry.
exauq_simulate() {
    trap - TERM INT HUP
    if exauq_stat "$BASHPID"; then printf '%s\n' "$BASHPID $proc_ticks" >"$1/SIM"; fi
    # A request to end that came while it would not have been heard.
    if [[ -e $1/STOPPING ]]; then exit 143; fi
    exec </dev/null >"$exauq_log" 2>&1
    exauq_restore_locale
    export EXAUQ_TUI_JOB=$2
    cd -- "$exauq_workdir" || exit 126
    if [[ -n $exauq_setup ]]; then
        # `module` and its like are made known by the login profile.
        # shellcheck disable=SC1091
        if [[ -r /etc/profile ]]; then . /etc/profile; fi
        eval "$exauq_setup"
    fi
    exec -- "${exauq_program[@]}" "$exauq_script" "$1/input.csv" "$1/output.txt"
}
