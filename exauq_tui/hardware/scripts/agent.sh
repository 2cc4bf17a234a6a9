# shellcheck shell=bash
# Single-quoted text is meant to reach the other file as it is (SC2016); a variable may be set in
# one part and used in another (SC2034, SC2154).
# shellcheck disable=SC2016,SC2034,SC2154
# The agent: answers framed requests on the connection until its input ends.
#
# A request is "SEQ VERB LENGTH", a newline, and LENGTH bytes: one field per line, each after a
# "=", with backslash and newline written as \\ and \n. A reply is
# "EXAUQ NONCE SEQ STATUS LENGTH", a newline, LENGTH bytes, a newline. STATUS is ok, refused (the
# reply is a sentence for people) or missing (there is no such workspace). Fields are data: no
# byte of them ever becomes part of a command.

exauq_default_grace=5000

# Append field $1 to the reply, encoded.
exauq_put() {
    # shellcheck disable=SC1003
    local text=$1 one='\' two='\\'
    text=${text//"$one"/"$two"}
    text=${text//$'\n'/'\n'}
    reply+=$text$'\n'
}

exauq_send() { # seq status payload
    printf 'EXAUQ %s %s %s %s\n%s\n' "$exauq_nonce" "$1" "$2" "${#3}" "$3" >&9
}

# Refuse the request at hand with a sentence.
exauq_refuse() {
    status=refused reply=$1
}

# Set REPLY to what path $1 means: ~/ is the home directory, and a relative path starts where
# the session started. Nothing else is expanded.
exauq_resolve() {
    # shellcheck disable=SC2088
    case $1 in
        '~') REPLY=$HOME ;;
        '~/'*) REPLY=$HOME/${1#'~/'} ;;
        /*) REPLY=$1 ;;
        *) REPLY=$exauq_start_dir/$1 ;;
    esac
}

# Note how workspace $1 may be used: sets read_only; refuse where there is none.
exauq_enter() {
    if [[ ! -d $1 ]]; then
        status=missing reply="there is no workspace $1"
        return 1
    fi
    exauq_read_format "$1"
}

# Refuse unless $1 is a workspace directory that this version may write to.
exauq_check_workspace() {
    exauq_enter "$1" || return
    if [[ -n $read_only ]]; then
        exauq_refuse "workspace $1 was written by a newer exauq-tui (format $format): it is shown, but not changed; update exauq-tui"
        return 1
    fi
}

# Set generation to that of the journal of workspace $1, or "-" where there is none.
exauq_read_generation() {
    local word='' number=''
    generation=-
    read -r word number generation <"$1/.exauq-tui/journal"
    if [[ $word != exauq-journal || $number != 1 || -z $generation ]]; then generation=-; fi
}

# Make what we keep in workspace $1 (which exists): format, journal, a copy of this program.
# Forks only the first time.
exauq_prepare() {
    local own=$1/.exauq-tui temporary generation
    exauq_program_copy=$own/program-$exauq_version.sh
    exauq_read_generation "$1"
    if [[ $generation != - && -e $exauq_program_copy ]]; then return 0; fi
    temporary=$own/new-$$-$RANDOM$RANDOM
    if ! mkdir -p -- "$own" 2>/dev/null || ! {
        # What runs once per job is kept short: Bash reads all of it each time.
        printf '%s\n' "${EXAUQ_PROGRAM%%$'\n: the recorder ends here'*}" \
            'exec 2>/dev/null; exauq_record "$dir"' >"$temporary" &&
            mv -f -- "$temporary" "$own/recorder-$exauq_version.sh" &&
            printf '%s\n' "$EXAUQ_PROGRAM" 'exauq_main "$@"' >"$temporary" &&
            mv -f -- "$temporary" "$exauq_program_copy" &&
            printf '%s\n' "$exauq_format" >"$temporary" &&
            mv -f -- "$temporary" "$own/format"
    } 2>/dev/null; then
        rm -f -- "$temporary" 2>/dev/null
        exauq_refuse "cannot write to the workspace $1: $(exauq_why_not "$1")"
        return 1
    fi
    if [[ $generation == - ]]; then
        # A journal without its first line was made by somebody who missed ours: put aside.
        if [[ -e $own/journal ]]; then mv -f -- "$own/journal" "$own/journal-odd" 2>/dev/null; fi
        exauq_now
        printf '%s\n' "exauq-journal 1 ${now//./}$RANDOM" >"$temporary" 2>/dev/null
        ln -- "$temporary" "$own/journal" 2>/dev/null
        rm -f -- "$temporary"
        exauq_read_generation "$1"
        if [[ $generation == - ]]; then
            exauq_refuse "cannot write to the workspace $1: $(exauq_why_not "$1")"
            return 1
        fi
    fi
}

# Print why nothing can be written in directory $1, in the system's words. Forks.
exauq_why_not() {
    local probe=$1/.exauq-tui-probe-$$ words
    words=$({ printf '%4096s\n' x >"$probe"; } 2>&1) && words='it can now; try again'
    rm -f -- "$probe" 2>/dev/null
    printf '%s' "${words##*: }"
}

# Find the workspace: path-as-configured limit. Replies with its absolute path ("" for none) and
# whether it is there. What was left undone there by processes that died is taken up.
exauq_verb_open() {
    local ws=
    if [[ -n $1 ]]; then
        exauq_resolve "$1"
        # Without links and dots, so that one workspace has one name.
        if ws=$(cd -P -- "$REPLY" 2>/dev/null && printf '%sx' "$PWD"); then
            ws=${ws%x}
        else
            ws=$REPLY
        fi
    fi
    exauq_put "$ws"
    if [[ -n $ws && -d $ws ]]; then
        exauq_put present
        exauq_read_format "$ws"
        if [[ -e $ws/.exauq-tui/journal && -z $read_only ]]; then
            exauq_set_limit "$ws" "$2"
            exauq_detach fill "$ws" repair
        fi
    else
        exauq_put absent
    fi
}

# Run this program's mode $1 with the other arguments, free of this connection. $2 is the
# workspace, which holds the program.
exauq_detach() {
    local status=ok reply=
    if [[ -n $read_only ]]; then return 1; fi
    exauq_prepare "$2" || return 1
    (
        exauq_restore_locale
        exec setsid /bin/bash -p "$exauq_program_copy" "$@" </dev/null >/dev/null 2>&1 3>&- 6<&- 8<&- 9>&-
    ) &
}

# Set script to the path of script $1, and refuse where it cannot be read.
exauq_find_script() {
    exauq_resolve "$1"
    script=$REPLY
    if [[ ! -f $script ]]; then
        exauq_refuse "there is no simulator script $script on the server (script_path is $1)"
        return 1
    fi
    if [[ ! -r $script ]]; then
        exauq_refuse "the simulator script $script cannot be read: check its permissions"
        return 1
    fi
}

# Set script, program[] and refuse where they cannot run.
#   $1 script, $2 setup, then the words of the program
exauq_check_program() {
    local setup=$2
    exauq_find_script "$1" || return
    shift 2
    # shellcheck disable=SC2088
    if [[ ${1-} == '~/'* ]]; then
        exauq_resolve "$1"
        program=("$REPLY" "${@:2}")
    else
        program=("$@")
    fi
    # With setup lines the program may only be there after them: the job itself will tell.
    if [[ -z $setup ]] && ! (cd -- "$exauq_start_dir" && type -P -- "${program[0]}") >/dev/null 2>&1; then
        exauq_refuse "there is no program ${program[0]} on the server (it was looked for in $PATH)"
        return 1
    fi
}

# Make a workspace: path-or-nothing script limit. Replies with its path. A request of its own, so
# that the path is known before any job is in it.
exauq_verb_make() {
    local ws=$1 words script
    exauq_find_script "$2" || return
    if [[ -n $ws && -d $ws ]]; then
        exauq_check_workspace "$ws" || return
    elif [[ -z $ws ]]; then
        if ! ws=$(mktemp -d "${script%/*}/exauqXXXXX" 2>/dev/null) || [[ -z $ws ]]; then
            exauq_refuse "cannot make a workspace directory in ${script%/*}: $(exauq_why_not "${script%/*}"); set workspace_dir"
            return
        fi
    elif ! words=$(mkdir -p -- "$ws" 2>&1); then
        exauq_refuse "cannot make the workspace $ws: ${words##*: }"
        return
    fi
    exauq_prepare "$ws" || return
    exauq_set_limit "$ws" "$3"
    # Without links and dots, so that one workspace has one name.
    ws=$(cd -P -- "$ws" && printf '%sx' "$PWD")
    exauq_put "${ws%x}"
}

# Accept jobs: workspace script setup count-of-program-words words... then, for each job,
# id token input. Replies one "ID ok|have|taken|error [words]" per job.
exauq_verb_submit() {
    local ws=$1 script setup=$3 count=$4 id now failed runner manager owner lines='' position
    local claim=.exauq-tui/claim-$$-$RANDOM$RANDOM locked='' deadline=$((SECONDS + 10))
    local -a program ids=() fresh=() ordered=() begun=() fields=("$@")
    local -A tokens=() inputs=() lost=() made=() claimants=()
    exauq_check_program "$2" "$setup" "${fields[@]:4:count}" || return
    exauq_check_workspace "$ws" || return
    exauq_prepare "$ws" || return
    for ((position = 4 + count; position + 2 < ${#fields[@]}; position += 3)); do
        id=${fields[position]}
        [[ $id != *[!0-9]* ]] || continue
        ids+=("$id") tokens[$id]=${fields[position + 1]} inputs[$id]=${fields[position + 2]}
    done
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    for id in "${ids[@]}"; do [[ -e $id ]] || fresh+=("$id"); done
    if [[ ${#fresh[@]} -gt 0 ]] && ! exauq_write_claim; then
        failed=$(exauq_why_not "$ws")
        for id in "${fresh[@]}"; do lost[$id]=$failed; done
    elif [[ ${#fresh[@]} -gt 0 ]]; then
        # mkdir without -p fails where somebody was first: whoever makes it owns the id. It
        # names those that it could not make, between quotes, and goes on.
        failed=$(mkdir -- "${fresh[@]}" 2>&1)
        while [[ $failed =~ \'([0-9]+)\'([^$'\n']*) ]]; do
            lost[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]##*: }
            failed=${failed#*"${BASH_REMATCH[0]}"}
        done
        for id in "${fresh[@]}"; do [[ -n ${lost[$id]-} || ! -d $id ]] || made[$id]=1; done
    fi
    exauq_write_texts
    exauq_now
    # Ours are signed before anybody else's are waited for: somebody may be waiting for us.
    for id in "${ids[@]}"; do [[ -z ${made[$id]-} ]] || ordered+=("$id"); done
    for id in "${ids[@]}"; do [[ -n ${made[$id]-} ]] || ordered+=("$id"); done
    for id in "${ordered[@]}"; do
        if [[ -z ${made[$id]-} ]]; then
            if [[ ! -e $id ]]; then
                exauq_put "$id error ${lost[$id]:-the directory could not be made}"
                continue
            fi
            exauq_find_owner "$id" "${tokens[$id]}"
            if [[ $owner == busy ]]; then
                exauq_put "$id error it is just being submitted by somebody; try again"
                continue
            elif [[ $owner != ours ]]; then
                exauq_put "$id $owner"
                continue
            fi
            # Ours, and left unfinished by an agent that died: finish it.
        fi
        # A token that stands is not written again: one that was cut off halfway is nobody's.
        if { [[ -s $id/token ]] || printf '%s\n' "${tokens[$id]} $now" >"$id/token"; } &&
            printf '%s\n' "${inputs[$id]}" >"$id/input.csv" &&
            printf '%s\n' "$runner" >"$id/runner.sh"; then
            begun+=("$id")
            lines+="$id Q $now - - - ${tokens[$id]} - "$'\n'
        else
            exauq_give_up "$id"
        fi
    done
    # Said before it can start, so that nobody reads of the start first.
    if [[ -n $lines ]]; then exauq_journal "$ws" "${lines%$'\n'}"; fi
    for id in "${begun[@]}"; do
        # The manager script comes last: it is what makes a directory a job.
        if printf '%s\n' "$manager" >"$id/exauq_manager.sh"; then
            printf '%s\n' "$id" >>"$ws/.exauq-tui/queue"
            exauq_put "$id ok"
        else
            exauq_give_up "$id"
        fi
    done
    if [[ ${#fresh[@]} -gt 0 ]]; then rm -f -- "$claim"; fi
    if [[ -n $locked ]]; then
        exauq_drop_claims
        exec 7>&-
    fi
    cd /
    exauq_detach fill "$ws"
}

# Write down which directories are going to be made with which tokens: `fresh` and `tokens`.
# Where this agent dies before it has signed them, this tells whose they are.
exauq_write_claim() {
    local id text="$host $boot $$ $own_ticks"
    for id in "${fresh[@]}"; do text+=$'\n'"$id ${tokens[$id]}"; done
    printf '%s\n' "$text" >"$claim" && return
    rm -f -- "$claim"
    return 1
}

# Whether the agent that wrote the claim $1 may still be at work.
exauq_claimant_lives() {
    local claim_host claim_boot claim_pid claim_ticks
    read -r claim_host claim_boot claim_pid claim_ticks <"$1"
    if [[ $claim_host == "$host" ]]; then
        [[ $claim_boot == "$boot" ]] && exauq_process_alive "$claim_pid" "$claim_ticks"
    else
        [[ -n $(find "$1" -mmin -10 2>/dev/null) ]]
    fi
}

# Collect in `claimants` (id -> "alive:TOKEN dead:TOKEN ...") what other agents set out to make.
exauq_read_claims() {
    local file life id token
    claimants=()
    for file in .exauq-tui/claim-*; do
        if [[ ! -e $file || $file == "$claim" ]]; then continue; fi
        life=dead
        if exauq_claimant_lives "$file"; then life=alive; fi
        {
            read -r _
            while read -r id token; do claimants[${id:--}]+="$life:$token "; done
        } <"$file"
    done 2>/dev/null
}

# Set owner of directory $1, which was there before, for a submission with token $2: "have" (it
# is this very job), "taken", "busy" (somebody is at it) or "ours" (to be finished by us).
exauq_find_owner() {
    local mine entry
    while true; do
        mine=''
        read -r mine _ <"$1/token"
        owner=taken
        if [[ -n $mine && $mine != "$2" ]]; then return; fi
        if [[ -s $1/exauq_manager.sh ]]; then
            [[ -z $mine ]] || owner=have
            return
        fi
        owner=busy
        if [[ -z $locked ]]; then
            # One at a time makes up for the dead, and looks at it anew.
            { exec 7>>.exauq-tui/lock; } 2>/dev/null || return
            if type -P flock >/dev/null && ! flock -w 10 7; then
                exec 7>&-
                return
            fi
            locked=yes
            exauq_read_claims
            continue
        fi
        [[ " ${claimants[$1]-}" == *' alive:'* ]] || break
        [[ $SECONDS -lt $deadline ]] || return
        sleep 0.1
        exauq_read_claims
    done
    owner=ours
    if [[ -n $mine ]]; then return; fi
    owner=taken
    [[ " ${claimants[$1]-}" == *" dead:$2 "* ]] || return
    for entry in "$1"/* "$1"/.[!.]*; do
        if [[ -e $entry && $entry != "$1/token" ]]; then return; fi
    done
    owner=ours
}

# Remove the claims of dead agents that nobody needs any more.
exauq_drop_claims() {
    local file id
    for file in .exauq-tui/claim-*; do
        if [[ ! -e $file ]] || exauq_claimant_lives "$file"; then continue; fi
        while read -r id _; do
            [[ $id == *[!0-9]* || ! -e $id || -s $id/exauq_manager.sh ]] || continue 2
        done < <(tail -n +2 -- "$file")
        rm -f -- "$file"
    done
}

# Take back job directory $1, of the current directory, because it could not be written. Forks.
exauq_give_up() {
    local words
    words=$(exauq_why_not "$PWD")
    # Nobody can start it once START is taken.
    if exauq_claim "$1/START" || [[ ! -s $1/START ]]; then
        rm -rf -- "$1"
        exauq_journal "$PWD" "$1 D - - - - - - "
        exauq_put "$1 error $words"
    else
        exauq_put "$1 ok"
    fi
}

# Set runner and manager, the texts of two files that are the same in every job of a submission.
exauq_write_texts() {
    local words word
    # Few lines: Bash makes a write of each.
    printf -v words '%q ' "${program[@]}"
    runner='#!/bin/bash
## Runs this job once and records how it ended; made by exauq-tui
dir=${BASH_SOURCE[0]%/*}; exauq_program=('$words'); '
    printf -v word '%q' "$script"
    runner+="exauq_script=$word; "
    printf -v word '%q' "${script##*/}"
    runner+='exauq_log=$dir/'"$word.out; "
    printf -v word '%q' "$exauq_start_dir"
    runner+="exauq_workdir=$word; "
    printf -v word '%q' "$setup"
    runner+="exauq_setup=$word"'; . "${dir%/*}/.exauq-tui/recorder-'$exauq_version'.sh"'
    manager='#!/bin/bash
## start | status | stop, for EXAUQ-Toolbox and for people; made by exauq-tui
dir=$(CDPATH= cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P) && exec /bin/bash -p "${dir%/*}/.exauq-tui/program-'$exauq_version'.sh" manage "$dir" "$@"'
}

# Judge the job of id $1 in the current directory (workspace $2): sets state and its like.
exauq_judge_any() {
    if [[ ! -e $1/token && ! -e $1/START ]]; then
        token=- submitted=-
        exauq_judge_foreign "$1" "$1"
    else
        exauq_judge "$1" "$2" "$1"
    fi
}

# Have the jobs of workspace $1 stopped whose stopper died before it was done.
exauq_attend() {
    if [[ ${#unattended[@]} -gt 0 ]]; then
        exauq_detach stop "$1" "$exauq_default_grace" "${unattended[@]}"
    fi
}

# Tell everything: workspace watch-or-nothing. With "watch", what follows is pushed. Replies with
# "GENERATION OFFSET NOW", then a line per job.
exauq_verb_snapshot() {
    local ws=$1 generation now dir size=0
    local state started finished exit_code output note token submitted
    local -a unattended=()
    exauq_enter "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    # The position is taken first: what happens during the pass is told again, not missed.
    exauq_read_generation "$ws"
    if [[ $generation != - ]]; then size=$(wc -c <"$ws/.exauq-tui/journal"); fi
    exauq_now
    reply="$generation ${size//[!0-9]/} $now"$'\n'
    if [[ ${2-} == watch ]]; then exauq_watch "$ws" "$generation" "${size//[!0-9]/}"; fi
    for dir in [0-9]*/; do
        dir=${dir%/}
        if [[ $dir == *[!0-9]* || ! -e $dir/exauq_manager.sh ]]; then continue; fi
        exauq_judge_any "$dir" "$ws"
        if [[ $state == R && -n $watched ]]; then watch_running[$dir]=1; fi
        reply+="$dir $state $submitted $started $finished $exit_code $token $output $note"$'\n'
    done
    cd /
    exauq_attend "$ws"
}

# Tell about some jobs: workspace ids... Replies as snapshot does; ids that are no jobs are left out.
exauq_verb_jobs() {
    local ws=$1 now id
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
        reply+="$id $state $submitted $started $finished $exit_code $token $output $note"$'\n'
    done
    cd /
    exauq_attend "$ws"
}

# Tell what followed: workspace generation offset. Replies with "GENERATION OFFSET NOW", then the
# journal's lines; where the generation is another one, with "-" alone. Forks once.
exauq_verb_delta() {
    local ws=$1 generation now lines
    exauq_enter "$ws" || return
    exauq_read_generation "$ws"
    reply=-$'\n'
    if [[ $generation != "$2" ]]; then return; fi
    lines=$(tail -c "+$3" "$ws/.exauq-tui/journal" && printf x) || return
    lines=${lines%x}
    # What was read before ended with a line: where it does not, the journal was cut or changed.
    if [[ $lines != $'\n'* ]]; then return; fi
    lines=${lines#$'\n'}
    # A line that is still being written counts next time.
    if [[ $lines == *$'\n'* ]]; then lines=${lines%"${lines##*$'\n'}"}; else lines=; fi
    exauq_now
    reply="$generation $(($3 + ${#lines})) $now"$'\n'$lines
}

# Cancel: workspace milliseconds-of-grace ids... Replies "ID none|error [words]" or "ID is STATE"
# per job. What comes of those whose STATE is T is told by the journal.
exauq_verb_cancel() {
    local ws=$1 grace=$2 id
    local state started finished exit_code output note token submitted
    local -a running=()
    exauq_check_workspace "$ws" || return
    exauq_prepare "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    shift 2
    for id in "$@"; do
        if [[ $id == *[!0-9]* || ! -e $id/exauq_manager.sh ]]; then
            exauq_put "$id none"
            continue
        elif [[ ! -O $id ]]; then
            exauq_put "$id error the job belongs to another account"
            continue
        fi
        exauq_judge_any "$id" "$ws"
        if [[ $state == [RTX] ]] && exauq_runs_elsewhere "$id"; then
            exauq_put "$id error it runs on $host_elsewhere: cancel it from there"
            continue
        fi
        if [[ $state == Q && $token != - ]] && exauq_cancel_queued "$ws" "$id"; then
            exauq_put "$id is S"
            continue
        fi
        if [[ $state != [QRTX] ]]; then
            exauq_put "$id is $state"
        elif [[ $state == T ]] && exauq_stop_attended "$id"; then
            exauq_put "$id is T"
        elif : >>"$id/STOPPING"; then
            rm -f -- "$id/STOPFAILED"
            exauq_journal "$ws" "$id T $submitted $started - - $token - "
            running+=("$id")
            exauq_put "$id is T"
        else
            exauq_put "$id error cannot write to $ws/$id: $(exauq_why_not "$ws/$id")"
        fi
    done
    cd /
    if [[ ${#running[@]} -gt 0 ]]; then exauq_detach stop "$ws" "$grace" "${running[@]}"; fi
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
        trash=$ws/.exauq-tui/trash-$$-$RANDOM$RANDOM
        mkdir -- "$trash" 2>/dev/null && mv -f -- "${doomed[@]}" "$trash/" 2>/dev/null
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

# Tell what stands in a workspace: workspace. Replies "JOBS RUNNING", then other entries' names.
exauq_verb_describe() {
    local ws=$1 entry jobs=0 active=0 others=0
    local state started finished exit_code output note token submitted
    local -a unattended=()
    exauq_enter "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    local names=
    for entry in * .[!.]* ..?*; do
        if [[ $entry == .exauq-tui || ! -e $entry && ! -L $entry ]]; then
            continue
        elif [[ $entry != *[!0-9]* && -e $entry/exauq_manager.sh ]]; then
            jobs=$((jobs + 1))
            exauq_judge_any "$entry" "$ws"
            [[ $state != [QRTX] ]] || active=$((active + 1))
        elif [[ $others -lt 50 ]]; then
            others=$((others + 1))
            names+=$entry$'\1'
        fi
    done
    reply="$jobs $active"$'\n'
    while [[ $names == *$'\1'* ]]; do
        exauq_put "${names%%$'\1'*}"
        names=${names#*$'\1'}
    done
    cd /
}

# Whether directory $1 (without links) is a home directory, ours or another account's, or holds one.
exauq_holds_home() {
    local home homes=("$HOME")
    while IFS=: read -r _ _ _ _ _ home _; do homes+=("$home"); done </etc/passwd
    for home in "${homes[@]}"; do
        if [[ $home/ == "$1"/* ]]; then return 0; fi
        home=$(cd -P -- "$home" 2>/dev/null && printf '%sx' "$PWD") || continue
        if [[ ${home%x}/ == "$1"/* ]]; then return 0; fi
    done
    return 1
}

# Delete a workspace: workspace script. Refused where it would take more than a workspace.
exauq_verb_erase() {
    local ws home script script_dir words
    exauq_check_workspace "$1" || return
    if ! ws=$(cd -P -- "$1" && printf '%sx' "$PWD"); then
        exauq_refuse "cannot enter the workspace $1"
        return
    fi
    ws=${ws%x}
    exauq_resolve "$2"
    if [[ $ws == / ]] || exauq_holds_home "$ws"; then
        status=unsafe reply="the workspace $ws is the root, a home directory, or above one"
        return
    fi
    # The script under its own name, and what that may be a link to.
    for script in "$REPLY" "$(readlink -f -- "$REPLY" && printf x)"; do
        script=${script%$'\nx'}
        script_dir=$(cd -P -- "${script%/*}/" 2>/dev/null && printf '%sx' "$PWD") && script_dir=${script_dir%x}
        if [[ $script_dir/ == "$ws"/* ]]; then
            status=unsafe reply="the workspace $ws holds the simulator script $REPLY"
            return
        fi
    done
    if words=$(rm -rf -- "$ws" 2>&1); [[ -e $ws ]]; then
        # A job that still runs may have made a file in between.
        words=$(rm -rf -- "$ws" 2>&1)
        if [[ -e $ws ]]; then exauq_refuse "cannot delete the workspace $ws: ${words##*$'\n'}"; fi
    fi
}

exauq_verb_ping() { :; }

# Answer requests until the input ends. $1 is the nonce that marks replies as ours.
exauq_serve() {
    local seq verb length payload field decoded status reply host boot now generation tool
    local read_only='' format='' host_elsewhere='' own_ticks
    local proc_state proc_parent proc_group proc_session proc_ticks
    local watched='' watch_generation watch_offset watch_pending watch_ticks watch_check
    local -a request
    local -A watch_running=()
    exauq_nonce=$1 exauq_start_dir=$PWD
    # Nothing that is started here can read our input or write into our output.
    exec 8<&0 9>&1 </dev/null >/dev/null
    # Handlers, not "ignore": what is ignored here would be ignored in every job.
    trap : HUP PIPE
    exauq_identify_machine
    reply=
    if [[ ! -r /proc/self/stat ]]; then
        exauq_send 0 refused "this server has no /proc: servers need Linux"
        return
    fi
    for tool in setsid tail head base64 mktemp wc tr grep; do
        if ! type -P "$tool" >/dev/null; then
            exauq_send 0 refused "the program $tool is missing on this server: install it"
            return
        fi
    done
    exauq_stat $$
    own_ticks=$proc_ticks
    : "${HOME:=$(cd ~ 2>/dev/null && pwd)}"
    exauq_now
    for field in "$host" "$boot" "$BASH_VERSION" "$HOME" "$exauq_start_dir" "$now"; do
        exauq_put "$field"
    done
    printf '\n' >&9
    exauq_send 0 ok "$reply"
    while exauq_next_request; do
        payload=
        if [[ $length -gt 0 ]]; then
            # Half a request is no request.
            IFS= read -r -u 8 -N "$length" payload || break
            [[ ${#payload} -eq $length ]] || break
        fi
        set -f
        IFS=$'\n'
        # shellcheck disable=SC2206
        request=($payload)
        IFS=$' \t\n'
        set +f
        request=("${request[@]#=}")
        if [[ $payload == *\\* ]]; then
            for field in "${!request[@]}"; do printf -v "request[field]" '%b' "${request[field]}"; done
        fi
        status=ok reply=
        if declare -F "exauq_verb_$verb"; then
            "exauq_verb_$verb" "${request[@]}"
        else
            exauq_refuse "unknown request $verb"
        fi
        exauq_send "$seq" "$status" "$reply"
    done
}
