# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154), and the keys of
# watch_running are no arithmetic (SC2004).
# shellcheck disable=SC2004,SC2034,SC2154
# The other requests about jobs: where they stand, and their files.

# Judge the job of id $1 in the current directory (workspace $2): sets state and its like.
exauq_judge_any() {
    # As exauq_judge and exauq_read_end would; most jobs are such, and a call takes as long as this.
    local said=S
    if [[ -e $1/STOPPED ]] || { said=C && [[ -e $1/COMPLETED ]]; } &&
        read -r state submitted started finished exit_code token output note <"$1/END" &&
        [[ $state == "$said" && -n $output && $submitted$started$finished$exit_code != *[!-0-9.]* ]]; then
        return
    fi
    if [[ ! -e $1/token && ! -e $1/START ]]; then
        token=- submitted=-
        exauq_judge_foreign "$1" "$1"
    else
        exauq_judge "$1" "$2" "$1"
    fi
}

# Start a stopper: workspace milliseconds-of-grace ids...
exauq_send_stopper() {
    if exauq_detach stop "$@" && exauq_stat $!; then exauq_stopper="$! $proc_ticks"; fi
}

# Have the jobs of workspace $1 stopped whose stopper died before it was done (`unattended`), and
# the slots filled of those that were found to be dead (`freed`).
exauq_attend() {
    if [[ ${#unattended[@]} -gt 0 ]]; then
        exauq_send_stopper "$1" "$exauq_grace" "${unattended[@]}"
    fi
    if [[ -n $freed ]]; then exauq_detach fill "$1"; fi
}

# Tell everything: workspace watch-or-nothing. With "watch", what follows is pushed. Replies with
# "GENERATION OFFSET NOW", then a line per job.
exauq_verb_snapshot() {
    local ws=$1 generation now dir size=0 freed=
    local state started finished exit_code output note token submitted
    local -a unattended=()
    exauq_enter "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    # The position is taken first: what happens during the pass is told again, not missed.
    exauq_generation "$ws"
    if [[ $generation != - ]]; then size=$(wc -c <"$ws/.exauq-tui/journal"); fi
    exauq_now
    reply="$generation ${size//[!0-9]/} $now"$'\n'
    if [[ ${2-} == watch ]]; then exauq_watch "$ws" "$generation" "${size//[!0-9]/}"; fi
    for dir in [0-9]*/; do
        dir=${dir%/}
        if [[ $dir == *[!0-9]* || ! -e $dir/exauq_manager.sh ]]; then continue; fi
        exauq_judge_any "$dir" "$ws"
        if [[ -n $watched ]]; then exauq_watch_job "$dir"; fi
        page+="$dir $state $submitted $started $finished $exit_code $token $output $note"$'\n'
        if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
    done
    cd /
    exauq_attend "$ws"
}

# Tell about some jobs: workspace ids... Replies as snapshot does; ids that are no jobs are left out.
exauq_verb_jobs() {
    local ws=$1 now id freed=
    local state started finished exit_code output note token submitted
    local -a unattended=()
    exauq_enter "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    shift
    exauq_now
    reply="- 0 $now"$'\n'
    for id in "$@"; do
        if [[ $id == *[!0-9]* || ! -e $id/exauq_manager.sh ]]; then continue; fi
        exauq_judge_any "$id" "$ws"
        page+="$id $state $submitted $started $finished $exit_code $token $output $note"$'\n'
        if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
    done
    cd /
    exauq_attend "$ws"
}

# Tell what followed: workspace generation offset. Replies with "GENERATION OFFSET NOW", then the
# journal's lines; where the generation is another one, with "-" alone. Forks once.
exauq_verb_delta() {
    local ws=$1 generation now lines
    exauq_enter "$ws" || return
    exauq_generation "$ws"
    reply=-$'\n'
    if [[ $generation != "$2" ]]; then return; fi
    lines=$(tail -c "+$3" "$ws/.exauq-tui/journal" && printf x) || return
    # Replaced just before that: what was read is of another journal.
    exauq_generation "$ws"
    if [[ $generation != "$2" ]]; then return; fi
    lines=${lines%x}
    # What was read before ended with a line: where it does not, the journal was cut or changed.
    if [[ $lines != $'\n'* ]]; then return; fi
    lines=${lines#$'\n'}
    # A line that is still being written counts next time.
    if [[ $lines == *$'\n'* ]]; then lines=${lines%"${lines##*$'\n'}"}; else lines=; fi
    exauq_now
    reply="$generation $(($3 + ${#lines})) $now"$'\n'$lines
}

# Read outputs: workspace ids... Replies "ID none|-" or "ID = TEXT" (encoded, 64 KiB at most).
exauq_verb_outputs() {
    local ws=$1 id text size
    exauq_enter "$ws" || return
    shift
    for id in "$@"; do
        text=
        if [[ $id == *[!0-9]* || ! -e $ws/$id/output.txt ]]; then
            exauq_put "$id none"
        elif [[ ! -f $ws/$id/output.txt ]]; then
            exauq_put "$id = "
        elif IFS= read -r -d '' -n 65536 text <"$ws/$id/output.txt"; then
            # Read to a NUL or to the limit: no number either way, and the text must show it.
            exauq_put "$id = $text"'\0...'
        elif [[ -r $ws/$id/output.txt ]]; then
            exauq_put "$id = $text"
        else
            exauq_put "$id error $ws/$id/output.txt cannot be read: check its permissions"
        fi
    done
}

# Read inputs: workspace ids... Replies "ID none" or "ID = LINE".
exauq_verb_inputs() {
    local ws=$1 id text
    exauq_enter "$ws" || return
    shift
    for id in "$@"; do
        text=
        IFS= read -r -n 1048576 text <"$ws/$id/input.csv"
        if [[ $id != *[!0-9]* && -n $text ]]; then exauq_put "$id = $text"; else exauq_put "$id none"; fi
    done
}

# Read from a log: workspace id name offset limit; an offset below 0 counts from the end. Replies
# "OFFSET SIZE", then the bytes in base64. Forks a few times.
exauq_verb_log() {
    local dir=$1/$2 name=$3 offset=$4 limit=$5 log size candidate
    exauq_enter "$1" || return
    log=$dir/$name.out
    if [[ ! -e $log ]]; then
        for candidate in "$dir"/*.out; do [[ ! -e $candidate ]] || log=$candidate; done
    fi
    if [[ ! -e $log ]]; then reply='0 0'$'\n'; return; fi
    if ! size=$(wc -c 2>/dev/null <"$log"); then
        exauq_refuse "the log $log cannot be read: check its permissions"
        return
    fi
    size=${size//[!0-9]/}
    if ((offset < 0)); then offset=$((size + offset < 0 ? 0 : size + offset)); fi
    reply="$offset $size"$'\n'
    if ((offset < size)); then
        reply+=$(tail -c "+$((offset + 1))" -- "$log" | head -c "$limit" | base64 | tr -d '\n')
    fi
}

# Move job directories into `trash`.
exauq_throw_away() {
    mv -f -- "$@" "$trash/" 2>/dev/null
}

# Delete job directories: workspace ids... Replies "ID ok|none|running|error words" per job.
exauq_verb_delete() {
    local ws=$1 id trash
    local state started finished exit_code output note token submitted
    local -a doomed=()
    exauq_check_workspace "$ws" || return
    exauq_prepare "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    shift
    for id in "$@"; do
        # Other directories whose names are digits are somebody's, but no jobs.
        if [[ $id == *[!0-9]* || ! -e $id/exauq_manager.sh ]]; then
            exauq_put "$id none"
            continue
        elif [[ ! -O $id ]]; then
            exauq_put "$id error the job belongs to another account"
            continue
        fi
        exauq_judge_any "$id" "$ws"
        if [[ $state == [QRTX] ]]; then
            exauq_put "$id running"
        else
            doomed+=("$id")
        fi
    done
    if [[ ${#doomed[@]} -gt 0 ]]; then
        # Moved away first: a directory that is half deleted must not look like a job.
        exauq_name_for_now "$ws" trash
        trash=$REPLY
        mkdir -- "$trash" 2>/dev/null && exauq_in_pieces exauq_throw_away "${doomed[@]}"
        for id in "${doomed[@]}"; do
            if [[ -e $id ]]; then
                exauq_put "$id error $ws/$id cannot be moved: $(exauq_why_not "$ws")"
            else
                exauq_put "$id ok"
                exauq_journal "$ws" "$id D - - - - - - "
            fi
        done
        rm -rf -- "$trash"
    fi
    cd /
}
