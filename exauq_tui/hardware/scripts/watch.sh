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
        watch_running[$1]=1
    elif [[ $state == Q ]] && exauq_may_start "$1"; then
        watch_waiting[$1]=1
    fi
}

exauq_unwatch() {
    if [[ -n $watched ]]; then exec 6<&-; fi
    watched=
}

# Send what is new in the journal; every now and then also look whether all is as it should be.
exauq_watch_tick() {
    local line='' news='' now generation id begun cost
    while IFS= read -r -u 6 line; do
        line=$watch_pending$line
        watch_pending=
        watch_offset=$((watch_offset + ${#line} + 1))
        news+=$line$'\n'
        id=${line%% *}
        case ${line#* } in
            'Q '*) [[ -z $id ]] || watch_waiting[$id]=1 ;;
            'R '*) [[ -z $id ]] || { watch_running[$id]=1 && unset "watch_waiting[$id]"; } ;;
            [CFSD]' '*) [[ -z $id ]] || unset "watch_running[$id]" "watch_waiting[$id]" ;;
        esac
    done
    # A line that is still being written is sent when it is whole.
    watch_pending+=$line
    watch_ticks=$((watch_ticks + 1))
    if ((watch_ticks % watch_check == 0)); then
        exauq_now
        begun=$now
        exauq_check_running
        exauq_check_queue
        exauq_read_generation "$watched"
        if [[ $generation != "$watch_generation" ]]; then
            exauq_unwatch
            exauq_send 0 push -$'\n'
            return
        fi
        # The check takes at most a four-hundredth of the time, however many jobs run.
        exauq_now
        begun=${begun//./} cost=${now//./}
        cost=$((10#$cost - 10#$begun))
        watch_check=$((exauq_check > cost * 4 ? exauq_check : cost * 4))
    fi
    if [[ -n $news ]] || ((watch_ticks % exauq_beat == 0)); then
        exauq_now
        exauq_send 0 push "$watch_generation $watch_offset $now"$'\n'"$news"
    fi
}

# Find running jobs whose processes are gone without a word: they end here, by the rule. Those
# whose directories are gone are said to be deleted.
exauq_check_running() {
    local id freed=
    local state started finished exit_code output note token submitted
    local -a unattended=()
    cd -- "$watched" 2>/dev/null || return
    for id in "${!watch_running[@]}"; do
        if [[ ! -e $id ]]; then
            state=D
            exauq_journal "$watched" "$id D - - - - - - "
        else
            exauq_judge_any "$id" "$watched"
        fi
        [[ $state == [RTX] ]] || unset "watch_running[$id]"
    done
    cd /
    exauq_attend "$watched"
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
    while :; do
        if [[ -n $watched ]]; then
            part=
            IFS= read -r -u 8 -t "$exauq_tick" part
            code=$?
            line+=$part
            [[ $code -ne 0 ]] || break
            [[ $code -gt 128 ]] || return 1
            exauq_watch_tick
        else
            IFS= read -r -u 8 line || return 1
            break
        fi
    done
    # Not ours, or out of step: nothing that follows can be trusted.
    [[ $line =~ ^([0-9]+)\ ([^\ ]+)\ ([0-9]+)$ ]] || return 1
    seq=${BASH_REMATCH[1]} verb=${BASH_REMATCH[2]} length=${BASH_REMATCH[3]}
}
