# shellcheck shell=bash
# Single-quoted text is meant to reach the other file as it is (SC2016); variables are shared
# between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2016,SC2034,SC2154
# Accepting jobs, each once, whatever is cut off or killed meanwhile.

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
    # Few lines: Bash makes a write of each. Another shell that is given the file gets no further
    # than the second one, as it reads line by line.
    printf -v words '%q ' "${program[@]}"
    runner='#!/bin/bash
[ "${BASH_VERSION-}" ] || { echo "$0 is for Bash: bash $0" >&2; exit 2; } # runs this job once; made by exauq-tui
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
## start | status | stop, for EXAUQ-Toolbox and for people; in any shell; made by exauq-tui
dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) && exec /bin/bash -p "${dir%/*}/.exauq-tui/program-'$exauq_version'.sh" manage "$dir" "$@"'
}
