# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# The request to cancel jobs: takes them out of the queue, and has those stopped that run.

# Cancel: workspace milliseconds-of-grace ids... Replies "ID none|error [words]" or "ID is STATE"
# per job. What comes of those whose STATE is T is told by the journal.
exauq_verb_cancel() {
    local ws=$1 grace=$2 id now freed='' locked='' news='' news_held=yes
    local state submitted started finished exit_code token output note
    local -a waiting=() begun=() running=() unattended=()
    exauq_check_workspace "$ws" || return
    exauq_prepare "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    for id in "${@:3}"; do
        if [[ $id != *[!0-9]* && ! -e $id/START && -e $id/token ]]; then
            waiting+=("$id")
        else
            begun+=("$id")
        fi
    done
    # No queued job may take the slot of one that is being stopped. While we have the lock none
    # begins, so that those that run can be told first: they need time to end. Where there is much
    # ado about the lock, the queue comes first.
    if [[ ${#waiting[@]} -gt 0 && ${#begun[@]} -gt 0 ]]; then exauq_lock "$ws" 1; fi
    if [[ -z $locked ]]; then exauq_cancel_waiting; fi
    exauq_cancel_begun
    if [[ -n $locked ]]; then
        exauq_cancel_waiting
        exauq_unlock "$ws"
        exauq_cancel_begun
    fi
    cd /
    # They may have had a slot, and their recorders, which come too late, leave silently.
    if [[ -n $freed ]]; then exauq_detach fill "$ws"; fi
}

# Cancel those in `waiting` before they start, as exauq_cancel_queued does one. Those that have
# begun meanwhile, or are odd, are added to `begun`. Sets `freed`.
exauq_cancel_waiting() {
    local id won line sign proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat $$
    sign="$host $boot $$ $proc_ticks cancel"
    exauq_now
    set -o noclobber
    for id in "${waiting[@]}"; do
        token='' submitted='' won=''
        read -r token submitted <"$id/token"
        if [[ -z $token || ! -e $id/exauq_manager.sh || ! -O $id || -e $id/END ]]; then
            begun+=("$id")
            continue
        fi
        if [[ -z $submitted || $submitted == *[!0-9.]* ]]; then submitted=-; fi
        # Not in START: nothing of ours is to be ended for this job.
        printf '%s\n' "$sign" >>"$id/STARTING"
        { won=yes; } >"$id/START"
        if [[ -n $won ]]; then
            won=
            line="S $submitted - $now - $token - never started"
            { won=yes; printf '%s\n' "$line"; } >"$id/END"
        fi
        if [[ -z $won ]]; then
            begun+=("$id")
            continue
        fi
        : >>"$id/STOPPED"
        freed=yes news+="$id $line"$'\n' page+="$id is S"$'\n'
        if [[ ${#news} -gt 3500 ]]; then
            exauq_tell_news "$ws"
            exauq_now
        fi
        if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
    done
    set +o noclobber
    exauq_tell_news "$ws"
    waiting=()
}

# Have those in `begun` stopped that run, and reply about all of them.
exauq_cancel_begun() {
    local id start_host start_boot pid ticks name proc_state proc_ticks
    for id in "${begun[@]}"; do
        # Nearly all are such: they run here, and nobody asked for their end before.
        if [[ $id != *[!0-9]* && -e $id/exauq_manager.sh && -O $id && ! -e $id/END && ! -e $id/STOPPING ]] &&
            read -r token submitted <"$id/token" &&
            read -r start_host start_boot pid ticks started <"$id/START" &&
            [[ $start_host == "$host" && $start_boot == "$boot" && -n $started ]] &&
            [[ $started$submitted != *[!0-9.]* && -n $submitted && $token != *[!0-9a-zA-Z]* ]] &&
            read -r _ name proc_state _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ proc_ticks _ <"/proc/$pid/stat" &&
            [[ $name == '(bash)' && $proc_ticks == "$ticks" && $proc_state != [ZX] ]] &&
            printf '%s\n' "$host $boot - -" >"$id/STOPPING"; then
            news+="$id T $submitted $started - - $token - "$'\n' page+="$id is T"$'\n'
            if [[ ${#news} -gt 3500 ]]; then exauq_tell_news "$ws"; fi
            if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
            running+=("$id:$pid:$ticks:$submitted:$started:$token")
        else
            exauq_cancel_closely "$id"
        fi
    done
    exauq_tell_news "$ws"
    if [[ ${#running[@]} -gt 0 ]]; then exauq_send_stopper "$ws" "$grace" "${running[@]}"; fi
    begun=() running=()
}

# Have job $1 stopped, of which nothing is taken for granted, where it runs: added to `running`.
exauq_cancel_closely() {
    local id=$1
    if [[ $id == *[!0-9]* || ! -e $id/exauq_manager.sh ]]; then
        exauq_put "$id none"
        return
    elif [[ ! -O $id ]]; then
        exauq_put "$id error the job belongs to another account"
        return
    fi
    exauq_judge_any "$id" "$ws"
    # One that runs, and of which there is nothing to note, runs here.
    if [[ $state == [TX] || $state == R && -n $note ]] && exauq_runs_elsewhere "$id"; then
        exauq_put "$id error it runs on $host_elsewhere: cancel it from there"
    elif [[ $state == Q && $token != - ]] && exauq_cancel_queued "$ws" "$id"; then
        freed=yes
        exauq_put "$id is S"
    elif [[ $state != [QRTX] ]]; then
        exauq_put "$id is $state"
    elif [[ $state == T ]] && exauq_stop_attended "$id"; then
        exauq_put "$id is T"
    elif printf '%s\n' "$host $boot - -" >"$id/STOPPING" || [[ -e $id/STOPPING ]]; then
        # Without a process yet that sees to it; but other machines are to leave it alone.
        if [[ -e $id/STOPFAILED ]]; then rm -f -- "$id/STOPFAILED"; fi
        exauq_tell "$ws" "$id T $submitted $started - - $token - "
        running+=("$id")
        exauq_put "$id is T"
    else
        exauq_put "$id error cannot write to $ws/$id: $(exauq_why_not "$ws/$id")"
    fi
}
