# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154), and the keys of
# watch_running are no arithmetic (SC2004).
# shellcheck disable=SC2004,SC2034,SC2154
# Push: while one workspace is watched, new journal lines are sent as they appear. Between two
# requests the agent looks every tenth of a second, through a descriptor that stays open: no
# process is started for it.
#
# A push is a reply with SEQ 0 and STATUS push, its payload like that of delta ("-" where only a
# snapshot tells the truth). Every two seconds one is sent even if there is no news: it proves
# that all is well without a question.

exauq_tick=0.1
exauq_beat=20
exauq_check=100

# Start to watch workspace $1 from byte $3 of the journal of generation $2.
exauq_watch() {
    exauq_unwatch
    [[ $2 != - ]] || return 0
    { exec 6<"$1/.exauq-tui/journal"; } 2>/dev/null || return 0
    # Everything before the position is passed over: a child that moves the descriptor that it
    # shares with us, where reading it all would take Bash a while.
    if ! dd bs=1 skip="$3" count=0 <&6; then
        exec 6<&-
        return 0
    fi
    watched=$1 watch_generation=$2 watch_offset=$3 watch_pending=
    watch_ticks=0 watch_check=$exauq_check
    watch_running=() watch_waiting=()
}

# Take in job $1, of the current directory, which was judged: `state`. EXAUQ-Toolbox's take no slots.
exauq_watch_job() {
    if [[ $state == [RTX] && -e $1/START ]]; then
        exauq_watch_recorder "$1"
    elif [[ $state == Q && -e $1/token && -s $1/exauq_manager.sh && -O $1 ]]; then
        watch_waiting[$1]=1
    fi
}

# Note of job $1, of the current directory, that it runs, and by which process of this machine.
exauq_watch_recorder() {
    local start_host='' start_boot='' pid='' ticks=''
    read -r start_host start_boot pid ticks _ <"$1/START"
    if [[ $start_host != "$host" || $start_boot != "$boot" ]]; then pid='' ticks=''; fi
    watch_running[$1]="$pid $ticks"
}

exauq_unwatch() {
    if [[ -n $watched ]]; then exec 6<&-; fi
    watched=
}

# Send what is new in the journal; every now and then also look whether all is as it should be.
# $1 was read from it just now; $2 is "whole" where that was a whole line.
exauq_watch_tick() {
    local line=$1 whole=${2-} page='' over='' news now generation=$watch_generation id begun cost
    local -a pages=()
    while [[ -n $whole ]]; do
        line=$watch_pending$line
        watch_pending=
        watch_offset=$((watch_offset + ${#line} + 1))
        page+=$line$'\n'
        if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
        id=${line%% *}
        # As a subscript anything but digits could be expanded once more, and run.
        if [[ $id == *[!0-9]* ]]; then id=; fi
        case ${line#* } in
            'Q '*) [[ -z $id ]] || watch_waiting[$id]=1 ;;
            'R '*) [[ -z $id ]] || { watch_running[$id]=' ' && unset "watch_waiting[$id]"; } ;;
            [CFSD]' '*) [[ -z $id ]] || unset "watch_running[$id]" "watch_waiting[$id]" ;;
            '1 '*) over=yes ;;
        esac
        IFS= read -r -u 6 line || whole=
    done
    # A line that is still being written is sent when it is whole.
    watch_pending+=$line
    if ((watch_ticks % watch_check == 0)); then
        exauq_now
        begun=$now
        exauq_check_running
        exauq_check_queue
        # The check takes at most a thousandth of the time, however many jobs run.
        exauq_now
        begun=${begun//./} cost=${now//./}
        cost=$((10#$cost - 10#$begun))
        watch_check=$((exauq_check > cost * 10 ? exauq_check : cost * 10))
    fi
    # The journal was replaced: it says so at its end, if who replaced it lived to say it.
    if ((watch_ticks % exauq_beat == 0)); then exauq_generation "$watched"; fi
    if [[ -n $over || $generation != "$watch_generation" ]]; then
        exauq_unwatch
        exauq_send 0 push -$'\n'
        return
    fi
    if [[ -n $page || ${#pages[@]} -gt 0 ]] || ((watch_ticks % exauq_beat == 0)); then
        exauq_now
        exauq_turn_page
        printf -v news '%s' "${pages[@]}"
        exauq_send 0 push "$watch_generation $watch_offset $now"$'\n'"$news"
    fi
}

# Find running jobs whose processes are gone without a word: they end here, by the rule. Ends of
# which the journal says nothing, now as at the last check, are told there; those whose
# directories are gone are said to be deleted. For most it is enough that their recorder lives,
# who was noted before.
exauq_check_running() {
    local id pid ticks freed=
    local state started finished exit_code output note token submitted
    local -a unattended=()
    cd -- "$watched" 2>/dev/null || return
    for id in "${!watch_running[@]}"; do
        pid=${watch_running[$id]% *} ticks=${watch_running[$id]#* }
        if [[ -n $pid && -e $id && ! -e $id/STOPPING ]] && exauq_alive "$pid" "$ticks"; then
            continue
        elif [[ ! -e $id ]]; then
            exauq_tell_ours "$id D - - - - - - "
            unset "watch_running[$id]"
            continue
        fi
        exauq_judge_any "$id" "$watched"
        if [[ $state == [RTX] ]]; then
            exauq_watch_recorder "$id"
        elif [[ $pid != ended ]]; then
            watch_running[$id]='ended ' # and the journal says so, if who wrote that lived to do it
        else
            exauq_tell_ours "$id $state $submitted $started $finished $exit_code $token $output $note"
            unset "watch_running[$id]"
        fi
    done
    cd /
    exauq_attend "$watched"
}

# Write line $1 into the journal of the watched workspace, if we may write there.
exauq_tell_ours() {
    [[ -n $read_only ]] || exauq_journal "$watched" "$1"
}

# Have a queue go on that stands although there is a free slot, now as at the last check: whoever
# was to fill the slot, or to begin the job in it, was killed.
exauq_check_queue() {
    local limit
    exauq_read_limit "$watched"
    if [[ ${#watch_waiting[@]} -eq 0 ]] || ((limit > 0 && ${#watch_running[@]} >= limit)); then
        watch_stands=
    elif [[ -z $watch_stands ]]; then
        watch_stands=yes
    else
        watch_stands=
        exauq_detach fill "$watched" repair
    fi
}

# Wait for the next request: sets seq, verb, length; false at the end of the input.
exauq_next_request() {
    local line='' part='' code
    while [[ -n $watched ]]; do
        part=
        IFS= read -r -u 8 -t "$exauq_tick" part
        code=$?
        line+=$part
        [[ $code -ne 0 ]] || break
        [[ $code -gt 128 ]] || return 1
        # Nearly always nothing is new. Jobs may run for months: that has to cost next to nothing.
        watch_ticks=$((watch_ticks + 1))
        if IFS= read -r -u 6 part; then
            exauq_watch_tick "$part" whole
        elif [[ -n $part ]] || ((watch_ticks % exauq_beat == 0 || watch_ticks % watch_check == 0)); then
            exauq_watch_tick "$part"
        fi
    done
    if [[ -z $watched ]]; then
        IFS= read -r -u 8 part || return 1
        line+=$part
    fi
    # Not ours, or out of step: nothing that follows can be trusted.
    [[ $line =~ ^([0-9]+)\ ([^\ ]+)\ ([0-9]+)$ ]] || return 1
    seq=${BASH_REMATCH[1]} verb=${BASH_REMATCH[2]} length=${BASH_REMATCH[3]}
}
