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
    local pid job lines line grew=yes name e f g h rest
    local -a names=()
    local proc_state proc_parent proc_group proc_session proc_ticks
    # By name and not by number: Bash looks for a number from the start.
    local -A parents=() dead=()
    members=() group=() graves=()
    cd /proc || return
    for pid in [0-9]*; do
        # As exauq_stat does it: to call it would take as long again.
        read -r _ name proc_state proc_parent proc_group proc_session e f g h \
            _ _ _ _ _ _ _ _ _ _ _ proc_ticks rest <"$pid/stat" || continue
        if [[ $name != '('*')' || $proc_state$proc_parent$proc_group$proc_session$e$f$g$h == *')'* || -z $rest ]]; then
            exauq_stat_odd "$pid" || continue
        fi
        if [[ $proc_state == [ZX] ]]; then
            graves[$proc_group]=1 dead[$pid]=1
            continue
        fi
        if [[ ${known[$pid]-} == "$proc_ticks "* ]]; then
            job=${known[$pid]#* }
        else
            job=${sessions[$proc_session]-}
            job=${job:-${groups[$proc_group]-}}
            if [[ -z $job ]]; then
                parents[$pid]="$proc_parent $proc_ticks"
                continue
            fi
            known[$pid]="$proc_ticks $job"
        fi
        members[$pid]=$job group[$pid]=$proc_group
        if [[ " ${packs[$job]-} " != *" $proc_group "* && $proc_group != "$own_group" ]]; then
            packs[$job]+=" $proc_group"
        fi
    done
    # Also those that began meanwhile. Zombies have no environment any more.
    for pid in [0-9]*; do
        if [[ -z ${members[$pid]-}${dead[$pid]-} ]]; then names+=("$pid/environ"); fi
    done
    # Taken in as a whole: from a pipe, Bash reads a line byte by byte.
    lines=$(grep -azsH '^EXAUQ_TUI_JOB=' "${names[@]}" | tr '\0' '\n')
    set -f
    for line in $lines; do
        [[ $line == [0-9]*/environ:EXAUQ_TUI_JOB=* ]] || continue
        pid=${line%%/*}
        [[ -z ${members[$pid]-} ]] || continue
        job=${marks[${line#*EXAUQ_TUI_JOB=}]-}
        if [[ -n $job ]] && exauq_stat "$pid" && [[ $proc_state != [ZX] ]]; then exauq_know_member; fi
    done
    set +f
    # Such a line can be seen for this process too, where a job itself cancels another.
    unset "members[$$]" "parents[$$]"
    while [[ -n $grew ]]; do
        grew=
        for pid in "${!parents[@]}"; do
            job=${members[${parents[$pid]% *}]-}
            if [[ -z $job || -n ${members[$pid]-} ]]; then continue; fi
            # By now it may have lost that parent.
            if exauq_stat "$pid" && [[ $proc_state != [ZX] && $proc_ticks == "${parents[$pid]#* }" ]]; then
                exauq_know_member
                grew=yes
            fi
        done
    done
}

# Take process $pid, which exauq_stat has looked at, into `members`, as one of job $job.
exauq_know_member() {
    members[$pid]=$job group[$pid]=$proc_group known[$pid]="$proc_ticks $job"
    if [[ $proc_group != "$own_group" && " ${packs[$job]-} " != *" $proc_group "* ]]; then
        packs[$job]+=" $proc_group"
    fi
}

# Send signal $1 to process group $2, at once to all that are in it; false where nobody is. A group
# whose number belongs to another process by now has come to its end.
exauq_signal_group() {
    local proc_state proc_parent proc_group proc_session proc_ticks
    # Nearly always, when this is asked, there is nobody.
    kill -0 "-$2" || return
    if exauq_stat "$2" && [[ ${known[$2]-} != "$proc_ticks "* ]]; then return 1; fi
    kill -"$1" "-$2"
}

# Send `signal` to all of `members` for whom it is meant, and collect in `left` (job id -> pids) who
# there is. Adds to `felled` the process groups that were killed as a whole.
exauq_signal_members() {
    local pid pack
    local -a all=()
    local -A struck=()
    if [[ $signal == KILL ]]; then
        # At once: whoever sees another one of the job killed would still act upon that.
        for id in "${!waiting[@]}"; do
            for pack in ${packs[$id]-}; do
                if [[ -n ${members[$pack]-} ]]; then
                    all+=("-$pack") struck[$pack]=1 felled[$pack]=1
                # Where nothing is to be seen at all, exauq_slips_away does it right after this.
                elif [[ ${#members[@]} -gt 0 || -z ${graves[$pack]-} ]]; then
                    exauq_signal_group KILL "$pack"
                fi
            done
        done
    fi
    left=()
    for pid in "${!members[@]}"; do
        id=${members[$pid]}
        left[$id]+=" $pid"
        if [[ $signal == KILL ]]; then
            if [[ -n ${struck[${group[$pid]}]-} ]]; then continue; fi
        # The recorder sees its simulator end and leaves by itself.
        elif [[ -n ${asked[$pid]-} || $pid == "${recorder_of[$id]-}" ]]; then
            continue
        fi
        asked[$pid]=1 all+=("$pid")
    done
    if [[ ${#all[@]} -gt 0 ]]; then kill -"$signal" -- "${all[@]}"; fi
}

# Whether job $1, of which a look found nothing, still has a process that no look has time to see:
# one that begins the next and ends, and so on. The kernel knows whether a group is empty.
exauq_slips_away() {
    local pack by
    for pack in ${packs[$1]-}; do
        # It was killed as a whole, its dead keep its number, and the dying make no children. To
        # kill the dead of a thousand jobs once more, one after the other, would take long.
        if [[ -n ${felled[$pack]-} && -n ${graves[$pack]-} ]]; then continue; fi
        by=0
        # Only the dead, it seems; what hides among them ends here.
        if [[ -n ${graves[$pack]-} ]]; then by=KILL; fi
        if exauq_signal_group "$by" "$pack" && [[ $by == 0 ]]; then return 0; fi
    done
    return 1
}

# Wait a moment, until all of `members` are gone, or for four times as long as it took to find
# them: looking at every process of the machine all the time would keep them from ending.
#   $1 when they began to be looked for, $2 when to wait no longer; by exauq_milliseconds
exauq_await_members() {
    local pid place step patience milliseconds pause longest=100
    local -a pids
    exauq_milliseconds
    patience=$((4 * (milliseconds - $1)))
    pause=$((patience < 80 ? 20 : patience / 4))
    # Who was killed is gone in a moment.
    if [[ $signal == KILL ]]; then longest=20; fi
    # Nor is it worth a look where the next one follows soon.
    patience=$((milliseconds + 2 * patience > $2 ? $2 : milliseconds + patience))
    exauq_pause "$((pause < longest ? pause : longest))"
    pids=("${!members[@]}")
    # Some of many tell enough: the next look is at all of them.
    step=$((1 + ${#pids[@]} / 64))
    for ((place = 0; place < ${#pids[@]}; place += step)); do
        pid=${pids[place]}
        # Where nobody collects the dead, or only every few seconds, they are still to be seen.
        while exauq_alive "$pid" "${known[$pid]%% *}"; do
            exauq_milliseconds
            [[ $milliseconds -lt patience ]] || return 0
            pause=$((patience - milliseconds))
            exauq_pause "$((pause < longest ? pause : longest))"
        done
    done
}

# Say that job $2 of workspace $1, which was taken on, was cancelled: nothing of it is left, by
# what was seen at `now`. With noclobber set, so that END is made by one alone.
exauq_record_stopped() {
    local dir=$1/$2 exit_code='' line won=
    # Where there is no directory any more, another client was quicker, and deleted it; and another
    # job may have its name by now.
    [[ -e $dir/STOPPING ]] || return 0
    if [[ -n ${origin[$2]-} ]]; then
        # As exauq_end does it, for many, and with what is known of them.
        if [[ -e $dir/EXIT ]]; then read -r exit_code <"$dir/EXIT"; fi
        if [[ -z $exit_code || $exit_code == *[!0-9]* ]]; then exit_code=-; fi
        line="S ${origin[$2]% *} $now $exit_code ${origin[$2]##* } - "
        { won=yes; printf '%s\n' "$line"; } >"$dir/END"
        if [[ -n $won ]]; then
            : >>"$dir/STOPPED"
            exauq_tell "$1" "$2 $line"
        else
            set +o noclobber
            exauq_record_ended "$@"
            set -o noclobber
        fi
    # EXAUQ-Toolbox's own job: it looks for this flag, and knows of nothing else.
    elif [[ ! -e $dir/COMPLETED && ! -e $dir/FAILED ]]; then
        : >>"$dir/STOPPED"
        exauq_tell "$1" "$2 S - - $now - - - "
    fi
}

# The rest of exauq_record_stopped: somebody else decided how the job ended.
exauq_record_ended() {
    local line ended submitted token started finished exit_code output note was_started=''
    if exauq_has_ended "$dir"; then
        # It ended before we asked: that we asked must not be what was said last.
        if exauq_read_end "$dir"; then
            line="$ended $submitted $started $finished $exit_code $token $output $note"
            exauq_tell "$1" "$2 $line"
        fi
        return
    fi
    # Decided by somebody who died before the flag.
    if exauq_read_end "$dir"; then
        exauq_write_end "$dir" "$1" "$2" "$ended" "$started" "$finished" "$exit_code" "$note"
    else
        read -r _ _ _ _ was_started <"$dir/START"
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
    exauq_tell "$1" "$2 X $submitted ${started:--} - - $token - $3"
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
# into `sessions`, `groups`, `marks` and `recorder_of`; when they were submitted and started, and
# their token, into `origin`. Of a job that was found to run just now all that may be given:
# ID:PID:TICKS:SUBMITTED:STARTED:TOKEN, by which it costs half as much.
exauq_take_on() {
    local id dir own_ticks signature
    local -a facts
    local proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat $$
    own_ticks=$proc_ticks own_group=$proc_group
    signature="$host $boot $$ $own_ticks"
    for id in "$@"; do
        dir=$ws/${id%%:*}
        # Of a job whose directory was removed nobody can say any more what belongs to it.
        [[ -e $dir/STOPPING ]] || continue
        if [[ $id != *:* ]]; then
            exauq_take_on_unknown
            continue
        fi
        IFS=:
        # shellcheck disable=SC2206
        facts=($id)
        IFS=$' \t\n'
        printf '%s\n' "$signature" >"$dir/STOPPING"
        id=${facts[0]}
        waiting[$id]=1 origin[$id]="${facts[*]:3}" marks[$id:${facts[5]}]=$id
        sessions[${facts[1]}]=$id recorder_of[$id]=${facts[1]}
    done
}

# Take on job $id in directory $dir, of which nothing is known.
exauq_take_on_unknown() {
    local pid token submitted start_host='' start_boot='' start_pid='' start_ticks='' started=''
    read -r start_host start_boot start_pid start_ticks started <"$dir/START"
    if [[ -n $start_pid && $start_host != "$host" ]]; then
        exauq_record_survivors "$ws" "$id" "runs on $start_host: cancel it from there" ''
        return
    fi
    waiting[$id]=1
    printf '%s\n' "$signature" >"$dir/STOPPING"
    exauq_read_token "$dir"
    if [[ -e $dir/token ]]; then origin[$id]="$submitted ${started:--} $token"; fi
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
}

# End jobs that run: $1 workspace, $2 milliseconds between TERM and KILL, then ids whose STOPPING
# stands (or more of each: see exauq_take_on); without any, they are read from the input (see
# exauq_detach). N jobs cost one grace.
exauq_stop() {
    local -a ids=("${@:3}")
    local ws=$1 grace=$2 milliseconds now host boot id pid signal begun deadline own_group survivors
    local news='' news_held=yes
    local -A members=() asked=() known=() sessions=() groups=() marks=() waiting=() left=() recorder_of=()
    local -A packs=() graves=() felled=() group=() origin=()
    if [[ ${#ids[@]} -eq 0 ]]; then
        # As a whole: from a pipe, Bash reads a line byte by byte.
        # shellcheck disable=SC2207
        ids=($(</dev/stdin))
        [[ ${#ids[@]} -gt 0 ]] || return
        # Without its end, the last one may be half of another job's name.
        unset "ids[${#ids[@]} - 1]"
    fi
    exauq_identify
    exauq_take_on "${ids[@]}"
    exauq_tell_news "$ws"
    for signal in TERM KILL; do
        exauq_milliseconds
        deadline=$((milliseconds + grace))
        # A killed process may take a moment to leave, on a busy machine or disk.
        if [[ $signal == KILL ]]; then deadline=$((milliseconds + 4000)); fi
        while [[ ${#waiting[@]} -gt 0 ]]; do
            exauq_milliseconds
            begun=$milliseconds
            exauq_find_members
            exauq_signal_members
            exauq_now
            set -o noclobber
            for id in "${!waiting[@]}"; do
                if [[ -n ${left[$id]-} ]] || exauq_slips_away "$id"; then continue; fi
                exauq_record_stopped "$ws" "$id"
                unset "waiting[$id]"
            done
            set +o noclobber
            exauq_tell_news "$ws"
            exauq_milliseconds
            [[ $milliseconds -lt $deadline ]] || break
            if [[ ${#waiting[@]} -gt 0 ]]; then exauq_await_members "$begun" "$deadline"; fi
            exauq_milliseconds
            # The next look is the one before they are killed.
            [[ $signal == KILL || $milliseconds -lt $deadline ]] || break
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
    exauq_tell_news "$ws"
    news_held=
    exauq_fill "$ws"
}
