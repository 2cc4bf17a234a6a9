# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Slots: which queued job may start, decided under one lock; nothing stays resident.
#
# In <workspace>/.exauq-tui:
#   max_running  how many jobs run at once; 0 or missing: no limit
#   accepted-*   the ids that one submission accepted, one per line, then "end". In the order of
#                their names they come to the end of the queue.
#   queue        ids in the order in which they were accepted, one per line. Only who holds the
#                lock writes it, so that it can be replaced by a shorter one.
#   queue-done   how many lines of it were dealt with. What is lost of this (or of the removal of
#                an accepted-*) has lines dealt with twice, and a job that has begun begins no more.
#   slots        ids that were given a slot, one per line; a slot is free again once its job has
#                ended. Lines are added before the job starts: a filler that dies in between
#                leaves a slot taken (repaired at the next connect), never one job too many.
#   queue-launched  "ID TOKEN TIME" of jobs with a slot that were launched, and may not have begun.
#                Those that have not after ten seconds are launched again: who was to be their
#                recorder was killed
# A filler runs when jobs are accepted, when one ends, and when somebody connects.

# How many lines of the queue are dealt with until it is shortened.
exauq_queue_done_most=1000

# Whether the job in directory $1 has come to its end, by its flags alone.
exauq_has_ended() {
    [[ -e $1/STOPPED || -e $1/COMPLETED || -e $1/FAILED || ! -d $1 ]]
}

# Whether the job in directory $1 was accepted, and nobody started or cancelled it.
exauq_may_start() {
    # The manager script is empty where the disk filled up at this very point: not a job then.
    # With a PID it was started once, and somebody is just removing its directory.
    [[ ! -e $1/START && ! -e $1/PID && -e $1/token && -s $1/exauq_manager.sh && -O $1 ]] &&
        ! exauq_has_ended "$1"
}

# Set `limit` to how many jobs of workspace $1 may run at once, 0 for no limit.
exauq_read_limit() {
    limit=0
    read -r limit <"$1/.exauq-tui/max_running"
    [[ $limit =~ ^[0-9]+$ ]] || limit=0
}

# Set `taken` to the ids that hold a slot; one that did not begin is launched again. With $1
# "repair", jobs are judged by their processes.
exauq_read_slots() {
    local id line
    local -a lines=()
    taken=()
    mapfile -t lines <"$own/slots"
    local -A seen=()
    for id in "${lines[@]}"; do
        [[ -n $id && $id != *[!0-9]* && -z ${seen[$id]-} ]] || continue
        seen[$id]=1
        exauq_has_ended "$id" && continue
        if [[ $1 == repair ]]; then
            exauq_judge "$id" "$ws" "$id"
            [[ $state == [QRTX] ]] || continue
        fi
        # It holds a slot and has not begun: its filler died, or it came again under its old id.
        if exauq_may_start "$id"; then exauq_begin "$id"; fi
        taken+=("$id")
    done
    if [[ ${#lines[@]} -gt $((2 * ${#taken[@]} + 16)) ]]; then
        # Ended jobs are dropped now and then, by replacing the file as a whole.
        { printf '%s\n' "${taken[@]}" >"$own/slots-half" && mv -f -- "$own/slots-half" "$own/slots"; } 2>/dev/null
    fi
}

# Set `underway` (id -> "TOKEN TIME") to the jobs that were launched less than ten seconds ago.
exauq_read_underway() {
    local id token since
    exauq_now
    while read -r id token since; do
        [[ $id =~ ^[0-9]+$ && $since =~ ^[1-9][0-9]{0,11}$ ]] || continue
        # A clock that was set back must not keep anybody waiting.
        if ((since <= ${now%.*} && ${now%.*} - since < 10)); then underway[$id]="$token $since"; fi
    done <"$own/queue-launched"
}

# Launch job $1, which has a slot, unless that was done a moment ago and its recorder has yet to
# begin. Launched twice it starts once, but the machine has better things to do.
exauq_begin() {
    exauq_read_token "$1"
    if [[ ${underway[$1]-} != "$token "* ]]; then
        if [[ $why != ended ]]; then
            exauq_launch "$ws" "$1"
        else
            # The last one is left: for it no process has to be forked.
            if [[ -n $heir ]]; then exauq_launch "$ws" "$heir"; fi
            heir=$1
        fi
        underway[$1]="$token ${now%.*}"
    fi
    launched+=("$1 ${underway[$1]}")
}

# Move what submissions accepted to the end of the queue. Forks once for each of them.
exauq_take_accepted() {
    local file text
    local -a ids=()
    for file in "$own"/accepted-*; do
        [[ -e $file ]] || continue
        mapfile -t ids <"$file"
        # One without an end is still being written, or its writer died.
        if [[ ${#ids[@]} -eq 0 || ${ids[${#ids[@]} - 1]} != end ]]; then
            unfinished+=("$file")
            continue
        fi
        unset "ids[${#ids[@]} - 1]"
        printf -v text '%s\n' "${ids[@]}"
        exauq_append "$own/queue" "${text%$'\n'}" || return
        rm -f -- "$file"
    done
}

# Drop what was dealt with from the queue. Forks twice.
exauq_shorten_queue() {
    local skip=$dealt
    # In this order: lines that are dealt with twice do no harm, lines that are passed over would.
    printf '0\n' >"$own/queue-done"
    if tail -n "+$((skip + 1))" -- "$own/queue" >"$own/queue-half" &&
        mv -f -- "$own/queue-half" "$own/queue"; then
        dealt=0
    else
        rm -f -- "$own/queue-half"
    fi
}

# Start queued jobs of workspace $1 while there are free slots; $2 is "repair" at a connect, and
# "ended" where a job just ended: its recorder has nothing else to do, and does not return where it
# becomes that of the next job.
exauq_fill() {
    local ws=$1 why=${2-} own=$1/.exauq-tui limit dealt=0 room skip id host boot read_only format
    local locked heir=
    local state submitted started finished exit_code token output note freed now
    local -a taken=() lines=() unattended=() launched=() unfinished=()
    local -A begun=() underway=()
    exauq_identify
    exauq_read_format "$ws"
    if [[ -n $read_only ]]; then return 1; fi
    cd -- "$ws" || return 1
    exauq_read_limit "$ws"
    # Without a limit nothing waits for a slot: who accepts jobs starts them.
    if [[ $limit -eq 0 && $why == ended ]]; then return 0; fi
    exauq_lock "$ws" || return 1
    exauq_read_limit "$ws"
    read -r dealt <"$own/queue-done"
    [[ $dealt =~ ^[0-9]+$ ]] || dealt=0
    exauq_take_accepted
    if [[ $why == repair ]]; then exauq_now; else exauq_read_underway; fi
    if [[ $limit -gt 0 || $why == repair ]]; then exauq_read_slots "$why"; fi
    if [[ $why == repair ]]; then
        # A list is begun when its jobs are complete: now they are all in the queue without it.
        if exauq_requeue && [[ ${#unfinished[@]} -gt 0 ]]; then rm -f -- "${unfinished[@]}"; fi
        exauq_drop_claims
    fi
    for id in "${taken[@]}"; do begun[$id]=1; done
    room=$((limit - ${#taken[@]}))
    exec 5<"$own/queue"
    # Only the first time lines are passed over: the next ones follow where reading stopped.
    skip=$dealt
    while [[ $limit -eq 0 || $room -gt 0 ]]; do
        lines=()
        mapfile -t -u 5 -s "$skip" -n 64 lines
        skip=0
        [[ ${#lines[@]} -gt 0 ]] || break
        for id in "${lines[@]}"; do
            [[ $limit -eq 0 || $room -gt 0 ]] || break
            if [[ -n $id && $id != *[!0-9]* && -z ${begun[$id]-} ]] && exauq_may_start "$id"; then
                # Without its line in `slots` it would not be counted: then it does not start.
                if ! exauq_append "$own/slots" "$id"; then break 2; fi
                exauq_begin "$id"
                begun[$id]=1
                room=$((room - 1))
            fi
            dealt=$((dealt + 1))
        done
    done
    exec 5<&-
    # Without a limit nobody looks through those that have slots.
    if [[ $limit -gt 0 ]]; then printf '%s\n' "${launched[@]}" >"$own/queue-launched"; fi
    if [[ $dealt -ge $exauq_queue_done_most ]]; then exauq_shorten_queue; fi
    printf '%s\n' "$dealt" >"$own/queue-done"
    if [[ $why != ended ]]; then exauq_tidy; fi
    exauq_unlock "$ws"
    if [[ -n $heir ]]; then exauq_give_way "$ws" "$heir"; fi
    if [[ $why == repair ]]; then
        exauq_clear_away
        exauq_sweep
    fi
    cd /
}
