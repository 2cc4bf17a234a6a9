# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Ending jobs: ask, then insist, then look whether anything is left.

# Collect in `members` (pid -> job id) every live process of the jobs named by `sessions`
# (recorder pid -> job id), `groups` (process group -> job id) and `marks` (mark -> job id).
# Forks once, for the marks: a process that left the session still carries the job's mark in
# its environment. One that has neither may still be a child of one that has; as it may be left
# behind, `known` (pid -> ticks and job id) keeps what was found before. Adds to `packs` (job id ->
# process groups), and collects in `graves` the process groups that hold zombies.
exauq_find_members() {
    local stat pid job lines line grew=yes
    local proc_state proc_parent proc_group proc_session proc_ticks
    # By name and not by number: Bash looks for a number from the start.
    local -A parents=() born=() group=()
    members=() graves=()
    for stat in /proc/[0-9]*/stat; do
        pid=${stat#/proc/} pid=${pid%/stat}
        exauq_stat "$pid" || continue
        if [[ $proc_state == [ZX] ]]; then
            graves[$proc_group]=1
            continue
        fi
        job=${sessions[$proc_session]-}
        job=${job:-${groups[$proc_group]-}}
        if [[ ${known[$pid]-} == "$proc_ticks "* ]]; then job=${known[$pid]#* }; fi
        if [[ -n $job ]]; then members[$pid]=$job; fi
        parents[$pid]=$proc_parent born[$pid]=$proc_ticks group[$pid]=$proc_group
    done
    # Taken in as a whole: from a pipe, Bash reads a line byte by byte.
    lines=$(grep -azsH '^EXAUQ_TUI_JOB=' /proc/[0-9]*/environ | tr '\0' '\n')
    set -f
    for line in $lines; do
        [[ $line == /proc/*/environ:EXAUQ_TUI_JOB=* ]] || continue
        pid=${line#/proc/} pid=${pid%%/*}
        [[ -z ${members[$pid]-} ]] || continue
        job=${marks[${line#*EXAUQ_TUI_JOB=}]-}
        if [[ -n $job ]] && exauq_stat "$pid" && [[ $proc_state != [ZX] ]]; then
            members[$pid]=$job born[$pid]=$proc_ticks group[$pid]=$proc_group
        fi
    done
    set +f
    # Such a line can be seen for this process too, where a job itself cancels another.
    unset "members[$$]" "parents[$$]"
    while [[ -n $grew ]]; do
        grew=
        for pid in "${!parents[@]}"; do
            [[ -z ${members[$pid]-} ]] || continue
            job=${members[${parents[$pid]}]-}
            if [[ -n $job ]]; then members[$pid]=$job grew=yes; fi
        done
    done
    for pid in "${!members[@]}"; do
        job=${members[$pid]}
        known[$pid]="${born[$pid]} $job"
        if [[ ${group[$pid]} != "$own_group" && " ${packs[$job]-} " != *" ${group[$pid]} "* ]]; then
            packs[$job]+=" ${group[$pid]}"
        fi
    done
}

# Send signal $1 to process group $2, at once to all that are in it; false where nobody is. A group
# whose number belongs to another process by now has come to its end.
exauq_signal_group() {
    local proc_state proc_parent proc_group proc_session proc_ticks
    if exauq_stat "$2" && [[ ${known[$2]-} != "$proc_ticks "* ]]; then return 1; fi
    kill -"$1" "-$2" 2>/dev/null
}

# Whether job $1, of which a look found nothing, still has a process that no look has time to see:
# one that begins the next and ends, and so on. The kernel knows whether a group is empty.
exauq_slips_away() {
    local pack
    for pack in ${packs[$1]-}; do
        exauq_signal_group 0 "$pack" || continue
        [[ -n ${graves[$pack]-} ]] || return 0
        # Only the dead, it seems; what hides among them ends here.
        exauq_signal_group KILL "$pack"
    done
    return 1
}

# Wait a moment, until all of `members` are gone, or for four times as long as it took to find
# them: looking at every process of the machine all the time would keep them from ending.
#   $1 when they began to be looked for, $2 when to wait no longer; by exauq_milliseconds
exauq_await_members() {
    local pid patience milliseconds
    exauq_milliseconds
    patience=$((milliseconds + 4 * (milliseconds - $1)))
    if [[ $patience -gt $2 ]]; then patience=$2; fi
    exauq_pause
    for pid in "${!members[@]}"; do
        while [[ -e /proc/$pid ]]; do
            exauq_milliseconds
            [[ $milliseconds -lt patience ]] || return 0
            exauq_pause
        done
    done
}

# Say that job $2 of workspace $1 was cancelled: nothing of it is left.
exauq_record_stopped() {
    local dir=$1/$2 now line was_started='' ended submitted token started finished exit_code output note
    exauq_now
    if [[ ! -e $dir/token ]]; then
        # EXAUQ-Toolbox's own job: it looks for this flag, and knows of nothing else.
        # Where there is no directory any more, another client was quicker, and deleted it.
        if [[ -d $dir && ! -e $dir/COMPLETED && ! -e $dir/FAILED ]]; then
            : >"$dir/STOPPED"
            exauq_journal "$1" "$2 S - - $now - - - "
        fi
        return 0
    fi
    read -r _ _ _ _ was_started <"$dir/START"
    exauq_read_end "$dir"
    exauq_end "$dir" "$1" "$2" S "${was_started:--}" "$now" "$exit_code" '' && return
    if exauq_has_ended "$dir"; then
        # It ended before we asked: that we asked must not be what was said last.
        if exauq_read_end "$dir"; then
            line="$ended $submitted $started $finished $exit_code $token $output $note"
            exauq_journal "$1" "$2 $line"
        fi
        return
    fi
    # Decided by somebody who died before the flag.
    if exauq_read_end "$dir"; then
        exauq_write_end "$dir" "$1" "$2" "$ended" "$started" "$finished" "$exit_code" "$note"
    else
        exauq_write_end "$dir" "$1" "$2" S "${was_started:--}" "$now" "$exit_code" ''
    fi
}

# Say that the end of job $2 of workspace $1 was asked for in vain; $3 tells why, and $4 holds
# pid and ticks of each process that is left.
exauq_record_survivors() {
    local token submitted started=-
    printf '%s\n' "$3" "$4" >"$1/$2/STOPFAILED"
    read -r _ _ _ _ started <"$1/$2/START"
    exauq_read_token "$1/$2"
    exauq_journal "$1" "$2 X $submitted ${started:--} - - $token - $3"
}

# Cancel job $2 of workspace $1 before it starts; false where it was started first.
exauq_cancel_queued() {
    local now proc_state proc_parent proc_group proc_session proc_ticks
    # Not in START: nothing of ours is to be ended for this job.
    exauq_stat $$ && printf '%s\n' "$host $boot $$ $proc_ticks cancel" >>"$1/$2/STARTING"
    exauq_claim "$1/$2/START" || return 1
    exauq_now
    exauq_end "$1/$2" "$1" "$2" S - "$now" - 'never started'
}

# Set `milliseconds` to a clock's reading; in whole seconds below Bash 5.
exauq_milliseconds() {
    if [[ -n ${EPOCHREALTIME-} ]]; then
        milliseconds=${EPOCHREALTIME/./}
        milliseconds=${milliseconds%???}
    else
        milliseconds=$((SECONDS * 1000))
    fi
}

# Take on the end of jobs $@ of workspace $ws: `waiting`. What their processes are known by goes
# into `sessions`, `groups`, `marks` and `recorder_of`.
exauq_take_on() {
    local id dir pid token submitted start_host start_boot start_pid start_ticks own_ticks
    local proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat $$
    own_ticks=$proc_ticks own_group=$proc_group
    for id in "$@"; do
        dir=$ws/$id start_host='' start_boot='' start_pid='' start_ticks=''
        # Of a job whose directory was removed nobody can say any more what belongs to it.
        [[ -e $dir/STOPPING ]] || continue
        read -r start_host start_boot start_pid start_ticks _ <"$dir/START"
        if [[ -n $start_pid && $start_host != "$host" ]]; then
            exauq_record_survivors "$ws" "$id" "runs on $start_host: cancel it from there" ''
            continue
        fi
        waiting[$id]=1
        printf '%s\n' "$host $boot $$ $own_ticks" >"$dir/STOPPING"
        exauq_read_token "$dir"
        if [[ $token != - ]]; then marks[$id:$token]=$id; fi
        if [[ -n $start_ticks && $start_boot == "$boot" ]]; then
            # A session outlives its leader and keeps the number taken. Where another process
            # has the number now, the session is empty and this is somebody else's.
            if ! exauq_stat "$start_pid" || [[ $proc_ticks == "$start_ticks" ]]; then
                sessions[$start_pid]=$id recorder_of[$id]=$start_pid
            fi
        elif [[ ! -e $dir/token ]] && exauq_foreign_alive "$dir" "$id"; then
            read -r pid <"$dir/PGID"
            if [[ -n ${pid-} ]]; then groups[$pid]=$id; fi
        fi
    done
}

# End jobs that run: $1 workspace, $2 milliseconds between TERM and KILL, then ids whose STOPPING
# stands; without any, they are read from the input (see exauq_detach). N jobs cost one grace.
exauq_stop() {
    local -a ids=("${@:3}")
    local ws=$1 grace=$2 milliseconds host boot id pid signal begun deadline own_group pack survivors
    local -A members=() asked=() known=() sessions=() groups=() marks=() waiting=() left=() recorder_of=()
    local -A packs=() graves=()
    if [[ ${#ids[@]} -eq 0 ]]; then
        # As a whole: from a pipe, Bash reads a line byte by byte.
        # shellcheck disable=SC2207
        ids=($(</dev/stdin))
        [[ ${#ids[@]} -gt 0 ]] || return
        # Without its end, the last one may be half of another job's name.
        unset "ids[${#ids[@]} - 1]"
    fi
    exauq_identify_machine
    exauq_take_on "${ids[@]}"
    for signal in TERM KILL; do
        exauq_milliseconds
        deadline=$((milliseconds + grace))
        # A killed process may take a moment to leave, on a busy machine or disk.
        if [[ $signal == KILL ]]; then deadline=$((milliseconds + 4000)); fi
        while [[ ${#waiting[@]} -gt 0 ]]; do
            exauq_milliseconds
            begun=$milliseconds
            exauq_find_members
            if [[ $signal == KILL ]]; then
                # At once: whoever sees another one of the job killed would still act upon that.
                for id in "${!waiting[@]}"; do
                    for pack in ${packs[$id]-}; do exauq_signal_group KILL "$pack"; done
                done
            fi
            left=()
            for pid in "${!members[@]}"; do
                id=${members[$pid]}
                left[$id]+=" $pid"
                # The recorder sees its simulator end and leaves by itself.
                [[ $signal == KILL || $pid != "${recorder_of[$id]-}" ]] || continue
                [[ $signal == KILL || -z ${asked[$pid]-} ]] || continue
                asked[$pid]=1
                kill -"$signal" "$pid" 2>/dev/null
            done
            for id in "${!waiting[@]}"; do
                if [[ -n ${left[$id]-} ]] || exauq_slips_away "$id"; then continue; fi
                exauq_record_stopped "$ws" "$id"
                unset "waiting[$id]"
            done
            exauq_milliseconds
            [[ $milliseconds -lt $deadline ]] || break
            if [[ ${#waiting[@]} -gt 0 ]]; then exauq_await_members "$begun" "$deadline"; fi
        done
    done
    for id in "${!waiting[@]}"; do
        survivors=
        for pid in ${left[$id]-} ${packs[$id]-}; do
            if [[ -n ${known[$pid]-} ]]; then survivors+="$pid ${known[$pid]%% *} "; fi
        done
        if [[ -z ${left[$id]-} ]]; then left[$id]=" group${packs[$id]}"; fi
        # Not more than a line of the journal holds.
        exauq_record_survivors "$ws" "$id" "still running: process${left[$id]:0:2000}" "$survivors"
    done
    exauq_fill "$ws"
}
