# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Slots: which queued job may start, decided under one lock; nothing stays resident.
#
# In <workspace>/.exauq-tui:
#   max_running  how many jobs run at once; 0 or missing: no limit
#   queue        ids in the order in which they were accepted, one per line
#   queue-done   how many lines of it were dealt with
#   slots        ids that were given a slot, one per line; a slot is free again once its job has
#                ended. Lines are added before the job starts: a filler that dies in between
#                leaves a slot taken (repaired at the next connect), never one job too many.
# A filler runs when jobs are accepted, when one ends, and when somebody connects.

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
        # Launched twice it starts once.
        if exauq_may_start "$id"; then exauq_launch "$ws" "$id"; fi
        taken+=("$id")
    done
    if [[ ${#lines[@]} -gt $((2 * ${#taken[@]} + 100)) ]]; then
        # Ended jobs are dropped now and then, by replacing the file as a whole.
        { printf '%s\n' "${taken[@]}" >"$own/slots-$$" && mv -f -- "$own/slots-$$" "$own/slots"; } 2>/dev/null
    fi
}

# Start queued jobs of workspace $1 while there are free slots; $2 is "repair" at a connect, and
# "ended" where a job just ended.
exauq_fill() {
    local ws=$1 own=$1/.exauq-tui limit dealt=0 room id host boot read_only format locked
    local state submitted started finished exit_code token output note freed
    local -a taken=() lines=() unattended=()
    exauq_identify_machine
    exauq_read_format "$ws"
    if [[ -n $read_only ]]; then return 1; fi
    cd -- "$ws" || return 1
    exauq_read_limit "$ws"
    # Without a limit nothing waits for a slot: who accepts jobs starts them.
    if [[ $limit -eq 0 && ${2-} == ended ]]; then return 0; fi
    exauq_lock "$ws" || return 1
    exauq_read_limit "$ws"
    read -r dealt <"$own/queue-done"
    [[ $dealt =~ ^[0-9]+$ ]] || dealt=0
    if [[ $limit -gt 0 || ${2-} == repair ]]; then exauq_read_slots "${2-}"; fi
    if [[ ${2-} == repair ]]; then
        exauq_requeue
        exauq_drop_claims
    fi
    room=$((limit - ${#taken[@]}))
    while [[ $limit -eq 0 || $room -gt 0 ]]; do
        lines=()
        mapfile -t -s "$dealt" -n 64 lines <"$own/queue"
        [[ ${#lines[@]} -gt 0 ]] || break
        for id in "${lines[@]}"; do
            [[ $limit -eq 0 || $room -gt 0 ]] || break
            if [[ -n $id && $id != *[!0-9]* ]] && exauq_may_start "$id"; then
                # Without its line in `slots` it would not be counted: then it does not start.
                if ! exauq_append "$own/slots" "$id"; then break 2; fi
                exauq_launch "$ws" "$id"
                room=$((room - 1))
            fi
            dealt=$((dealt + 1))
        done
    done
    printf '%s\n' "$dealt" >"$own/queue-done"
    exauq_unlock "$ws"
    if [[ ${2-} == repair ]]; then exauq_clear_trash; fi
    cd /
}
