# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Where a job stands, judged by its files and its processes; this is also where a job ends whose
# recorder died.

# "PID TICKS" of the stopper that this process started last: it signs one job after the other.
exauq_stopper='- -'

# Whether somebody sees to the end of the job in directory $1, which was asked to stop: a
# stopper that lives, or one that gave up because of processes that are still there.
exauq_stop_attended() {
    local place stop_host='' stop_boot='' stop_pid='' stop_ticks=''
    local -a left=()
    # Each machine sees to what runs there. Of EXAUQ-Toolbox's jobs nobody knows where that is,
    # so it is left to the machine where they were asked to stop.
    if exauq_runs_elsewhere "$1"; then return; fi
    read -r stop_host stop_boot stop_pid stop_ticks <"$1/STOPPING"
    if [[ $stop_host == "$host" ]]; then
        if [[ $stop_pid == - ]]; then stop_pid=${exauq_stopper% *} stop_ticks=${exauq_stopper#* }; fi
        [[ $stop_boot == "$boot" ]] && exauq_alive "$stop_pid" "$stop_ticks" && return
    elif [[ -n $stop_host && ! -e $1/START ]]; then
        return 0
    fi
    { read -r _ && read -r -a left; } <"$1/STOPFAILED"
    for ((place = 0; place + 1 < ${#left[@]}; place += 2)); do
        exauq_alive "${left[place]}" "${left[place + 1]}" && return
    done
    return 1
}

# Set `state` and `note` of the job in directory $1 with id $2, which was asked to stop.
exauq_judge_stopping() {
    state=T
    if [[ -s $1/STOPFAILED ]]; then
        state=X
        IFS= read -r note <"$1/STOPFAILED"
    fi
    if [[ -O $1 ]] && ! exauq_stop_attended "$1"; then unattended+=("$2"); fi
}

# Whether the simulator of the job in directory $1 lives, whose recorder $2, started at tick $3, is
# dead. One that was killed before it could tell whom it had started has left its session.
exauq_simulator_lives() {
    local stat sim_pid='' sim_ticks=''
    local proc_state proc_parent proc_group proc_session proc_ticks
    read -r sim_pid sim_ticks <"$1/SIM"
    if [[ -n $sim_ticks ]]; then
        exauq_alive "$sim_pid" "$sim_ticks"
        return
    fi
    # The number of a session that is not empty is given to nobody else.
    if exauq_stat "$2" && [[ $proc_ticks != "$3" ]]; then return 1; fi
    for stat in /proc/[0-9]*/stat; do
        stat=${stat#/proc/}
        exauq_stat "${stat%/stat}" || continue
        if [[ $proc_session == "$2" && $proc_state != [ZX] ]]; then return; fi
    done
    return 1
}

# Whether all are dead who were about to make START of the job in directory $1, which nobody
# signed. Sets `called_off` where one of them was to cancel the job.
exauq_starters_are_dead() {
    local starter_host='' starter_boot starter_pid starter_ticks purpose found=''
    while read -r starter_host starter_boot starter_pid starter_ticks purpose; do
        # Of a line that a full disk cut off, and of another machine, nothing is known.
        [[ $starter_host == "$host" && ($purpose == start || $purpose == cancel) ]] || return
        [[ $starter_boot != "$boot" ]] || ! exauq_alive "$starter_pid" "$starter_ticks" || return
        found=yes
        [[ $purpose != cancel ]] || called_off=yes
    done <"$1/STARTING"
    [[ -n $found && -z $starter_host ]]
}

# Set `state` (and submitted started finished exit_code token output note) of the job in directory
# $1 by its files and processes alone. A job whose processes are gone without a record ends here, by the
# documented rule; one that was asked to stop and that nobody stops is added to `unattended`.
# Sets `freed` where it ended one. Needs host, boot and read_only; jobs of another account are
# judged, and left as they are.
#   $2 workspace, $3 id
# Bash copies a function each time it is called: what all jobs need but odd ones is kept apart.
exauq_judge() {
    local start_host='' start_boot='' pid='' ticks=''
    if [[ -e $1/END ]]; then
        state=
        if [[ -e $1/STOPPED ]]; then
            state=S
        elif [[ -e $1/COMPLETED ]]; then
            state=C
        elif [[ -e $1/FAILED ]]; then
            state=F
        fi
        if [[ -n $state ]]; then
            exauq_read_end "$1"
            return 0
        fi
    elif [[ ! -e $1/START ]]; then
        exauq_read_token "$1"
        state=Q started=- finished=- exit_code=- output=- note=
        return 0
    elif [[ ! -e $1/STOPPING ]]; then
        read -r start_host start_boot pid ticks started <"$1/START"
        if [[ $start_host == "$host" && $start_boot == "$boot" && -n $started && $started != *[!0-9.]* ]] &&
            exauq_alive "$pid" "$ticks"; then
            exauq_read_token "$1"
            state=R finished=- exit_code=- output=- note=
            return 0
        fi
    fi
    exauq_judge_closely "$@"
}

# The rest of exauq_judge: jobs that are being stopped, run elsewhere, or whose recorder died.
exauq_judge_closely() {
    local dir=$1 start_host='' start_boot='' pid='' ticks='' verdict ended was_started called_off=''
    exauq_read_token "$dir"
    state=Q started=- finished=- exit_code=- output=- note=
    [[ -e $dir/START ]] || return 0
    state=R
    read -r start_host start_boot pid ticks started <"$dir/START"
    if [[ -z $started || $started == *[!0-9.]* ]]; then started=-; fi
    if [[ -e $dir/STOPPING && -n $ticks && ($start_host != "$host" || $start_boot == "$boot") ]]; then
        # Whether anything of it is left is for exauq_stop to find out, and to say.
        [[ $start_host == "$host" ]] || note="on $start_host"
        exauq_judge_stopping "$dir" "$3"
        return
    fi
    if [[ -z $ticks ]]; then
        # Claimed but not signed: signed within an instant, unless its maker died (or the disk
        # is full).
        if exauq_starters_are_dead "$dir"; then
            # Who signed it since then has died since then.
            read -r _ _ _ ticks _ <"$dir/START"
            if [[ -n $ticks ]]; then
                exauq_judge "$@"
                return
            fi
        elif [[ -z $(find "$dir/START" -mmin +1 2>/dev/null) ]]; then
            # Nobody tells whether its maker lives. Forks, but only here.
            return
        fi
        verdict='never started'
    elif [[ $start_host != "$host" ]]; then
        note="on $start_host"
        return
    elif [[ $start_boot != "$boot" ]]; then
        verdict='end not witnessed (reboot), output may be partial'
    else
        exauq_alive "$pid" "$ticks" && return
        if exauq_simulator_lives "$dir" "$pid" "$ticks"; then
            note='recorder gone'
            return
        fi
        verdict='end not witnessed, output may be partial'
    fi
    # The recorder may have written the end between our two looks.
    if [[ -e $dir/END && (-e $dir/STOPPED || -e $dir/COMPLETED || -e $dir/FAILED) ]]; then
        exauq_judge "$@"
        return
    fi
    was_started=$started
    if exauq_read_end "$dir"; then
        # Decided by somebody who died before the flag.
        state=$ended verdict=$note
    else
        started=$was_started
        if [[ -e $dir/STOPPING ]]; then
            state=S verdict=
        elif [[ -n $called_off ]]; then
            state=S
        elif [[ -e $dir/output.txt ]]; then
            state=C
        else
            state=F
        fi
    fi
    note=$verdict
    if [[ $state == C ]]; then
        local short_output=-
        exauq_read_short_output "$dir"
        output=$short_output
    fi
    # Into what is left of a directory that somebody is removing, nothing is written.
    if [[ -n $read_only || ! -O $dir || ! -e $dir/token || ! -s $dir/exauq_manager.sh ]]; then
        return
    fi
    # An END without a flag has a writer that died: nobody else is at it, so write it again.
    if exauq_claim "$dir/END" && [[ -z $ticks ]]; then
        # Its recorder may have slept, with the machine, between claim and signature. One that
        # signs from now on sees END, and leaves.
        read -r _ _ _ ticks _ <"$dir/START"
        if [[ -n $ticks ]]; then
            rm -f -- "$dir/END"
            exauq_judge "$@"
            return
        fi
    fi
    freed=yes
    exauq_write_end "$dir" "$2" "$3" "$state" "$started" "$finished" "$exit_code" "$note"
}
