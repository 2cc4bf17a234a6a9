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
    if [[ -z $setup ]] && ! { cd -- "$exauq_start_dir" && type -P -- "${program[0]}" >/dev/null; }; then
        exauq_refuse "there is no program ${program[0]} on the server (it was looked for in $PATH)"
        return 1
    fi
}

# Accept jobs: workspace script setup count-of-program-words words... ids tokens inputs... The ids
# of all jobs are one field, with a space between, and so are their tokens; each input is a field.
# Replies one "ID ok|have|taken|busy|error [words]" per job.
# Nearly all of the time goes to what is done for each job. So whole arrays are worked on at once
# where Bash can, and a job that is new costs its directory, four files, and little else.
exauq_verb_submit() {
    local ws=$1 script setup=$3 count=$4 id position now runner manager lines='' generation told_in
    local claim=.exauq-tui/claim-$$-$RANDOM$RANDOM accepted fill='' why='' locked='' deadline=$((SECONDS + 10))
    local -a program ids tokens inputs claims mine others
    local -A lost=() claimants=()
    exauq_check_program "$2" "$setup" "${@:5:count}" || return
    exauq_check_workspace "$ws" || return
    exauq_prepare "$ws" || return
    cd -- "$ws" || { exauq_refuse "cannot enter the workspace $ws"; return; }
    exauq_read_jobs "${@:5+count}" || return
    if [[ ${#mine[@]} -gt 0 ]]; then exauq_make_directories; fi
    exauq_write_texts
    exauq_generation "$ws"
    told_in=$generation
    exauq_now
    # Ours are signed before anybody else's are waited for: somebody may be waiting for us.
    for position in "${!mine[@]}"; do
        id=${mine[position]}
        if printf '%s\n' "${tokens[position]} $now" >"$id/token" &&
            printf '%s\n' "${inputs[position]}" >"$id/input.csv"; then
            lines+="$id Q $now - - - ${tokens[position]} - "$'\n'
            # Not all at the end: a long text takes longer to add to.
            if [[ ${#lines} -gt 3500 ]]; then exauq_say_queued; fi
        else
            exauq_give_up "$position"
        fi
    done
    for position in "${others[@]}"; do exauq_take_over "$position"; done
    # Said before it can start, so that nobody reads of the start first.
    if [[ -n $lines ]]; then exauq_say_queued; fi
    for position in "${!mine[@]}"; do
        id=${mine[position]}
        # The manager script comes last: it is what makes a directory a job.
        printf '%s' "$runner" >"$id/runner.sh" &&
            printf '%s' "$manager" >"$id/exauq_manager.sh" && continue
        exauq_give_up "$position"
    done
    if [[ ${#mine[@]} -gt 0 ]]; then
        # Said in a journal that nobody reads any more, and before it was true: let all look.
        exauq_generation "$ws"
        if [[ $generation != "$told_in" ]]; then exauq_renew_journal "$ws"; fi
        printf -v lines '%s\n' "${mine[@]}"
        accepted=.exauq-tui/accepted-$now-$$-$RANDOM
        if ! printf '%s' "$lines"end$'\n' >"$accepted"; then
            # The disk is full. Who repairs looks for them, and the queue may still have room.
            rm -f -- "$accepted"
            fill=repair
        fi
        printf -v lines '%s ok\n' "${mine[@]}"
        reply+=$lines
    fi
    if [[ -z $locked ]] && exauq_is_claimed; then exauq_lock "$ws" 10; fi
    # Nobody asks for it any more, and nobody has to wait until it is gone.
    rm -f -- "$claim" &
    if [[ -n $locked ]]; then
        exauq_drop_claims
        exauq_unlock "$ws"
    fi
    cd /
    exauq_detach fill "$ws" $fill
}

# Say in the journal what stands in `lines`.
exauq_say_queued() {
    exauq_journal "$ws" "${lines%$'\n'}"
    lines=
}

# Read the jobs: all ids, all tokens, and the inputs. Sets `ids`, `tokens` and `inputs`; `mine` to
# those ids, each at its place among the others, that have no directory yet, and `claims` to their
# tokens; `others` to the places of the rest.
exauq_read_jobs() {
    local position
    local -A found=()
    if [[ $1$2 == *[!0-9a-zA-Z\ ]* ]]; then
        exauq_refuse "ids and tokens of jobs are letters and digits"
        return 1
    fi
    # shellcheck disable=SC2206
    ids=($1) tokens=($2) inputs=("${@:3}")
    if [[ "${ids[*]}" == *[!0-9\ ]* || ${#tokens[@]} -ne ${#ids[@]} || ${#inputs[@]} -ne ${#ids[@]} ]]; then
        exauq_refuse "there has to be an id, a token and an input for each job"
        return 1
    fi
    mine=("${ids[@]}") claims=("${tokens[@]}") others=()
    for id in "${ids[@]}"; do [[ ! -e $id ]] || found[$id]=1; done
    if [[ ${#found[@]} -eq 0 ]]; then return; fi
    for position in "${!ids[@]}"; do
        if [[ -n ${found[${ids[position]}]-} ]]; then
            unset "mine[position]" "claims[position]"
            others+=("$position")
        fi
    done
}

exauq_make_named() {
    mkdir -- "$@"
}

# Make the directories of the jobs in `mine`. Those that could not be made are moved to `others`,
# and `lost` (id -> words) tells why.
exauq_make_directories() {
    local position words
    # Where this agent dies before it has signed the directories, this tells whose they are.
    exauq_now
    if ! printf '%s\n' "$host $boot $$ $own_ticks $now" "${mine[*]}" "${claims[*]}" >"$claim"; then
        words=$(exauq_why_not "$ws")
        for id in "${mine[@]}"; do lost[$id]=$words; done
        others+=("${!mine[@]}")
        mine=()
        return
    fi
    # mkdir without -p fails where somebody was first: whoever makes it owns the id. It names
    # those that it could not make, between quotes, and goes on.
    if words=$(exauq_in_pieces exauq_make_named "${mine[@]}" 2>&1); then return; fi
    set -f
    IFS=$'\n'
    for words in $words; do
        if [[ $words =~ \'([0-9]+)\'(.*) ]]; then
            lost[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]##*: }
        fi
    done
    IFS=$' \t\n'
    set +f
    for position in "${!mine[@]}"; do
        id=${mine[position]}
        if [[ -n ${lost[$id]-} || ! -d $id ]]; then
            unset "mine[position]"
            others+=("$position")
        fi
    done
}

# Deal with the job at place $1, whose directory we did not make: it is made ours where an agent
# that died left it unfinished, and else the reply says whose it is.
exauq_take_over() {
    local id=${ids[$1]} token=${tokens[$1]} owner
    if [[ ! -e $id ]]; then
        exauq_put "$id error ${lost[$id]:-the directory could not be made}"
        return
    fi
    exauq_find_owner "$id" "$token"
    if [[ $owner == busy ]]; then
        exauq_put "$id busy"
    elif [[ $owner != ours ]]; then
        exauq_put "$id $owner"
    # A token that stands is not written again: one that was cut off halfway is nobody's.
    elif { [[ -s $id/token ]] || printf '%s\n' "$token $now" >"$id/token"; } &&
        printf '%s\n' "${inputs[$1]}" >"$id/input.csv"; then
        mine[$1]=$id
        lines+="$id Q $now - - - $token - "$'\n'
    else
        exauq_give_up "$1"
    fi
}

# Whether the agent that wrote the claim $1 may still be at work.
exauq_claimant_lives() {
    local claim_host claim_boot claim_pid claim_ticks
    read -r claim_host claim_boot claim_pid claim_ticks _ <"$1"
    if [[ $claim_host == "$host" ]]; then
        [[ $claim_boot == "$boot" ]] && exauq_alive "$claim_pid" "$claim_ticks"
    else
        [[ -n $(find "$1" -mmin -10 2>/dev/null) ]]
    fi
}

# Collect in `claimants` (id -> "alive:TOKEN dead:TOKEN ...") what other agents set out to make.
exauq_read_claims() {
    local file life position
    local -a names signs
    claimants=()
    for file in .exauq-tui/claim-*; do
        if [[ ! -e $file || $file == "$claim" ]]; then continue; fi
        life=dead
        if exauq_claimant_lives "$file"; then life=alive; fi
        {
            read -r _
            read -r -a names
            read -r -a signs
        } <"$file"
        for position in "${!names[@]}"; do
            claimants[${names[position]}]+="$life:${signs[position]-} "
        done
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
            exauq_lock "$ws" 10 || return
            exauq_read_claims
            continue
        fi
        [[ " ${claimants[$1]-}" == *' alive:'* ]] || break
        [[ $SECONDS -lt $deadline ]] || return
        exauq_pause
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

# Whether there is a claim beside ours.
exauq_is_claimed() {
    local file
    for file in .exauq-tui/claim-*; do
        if [[ -e $file && $file != "$claim" ]]; then return 0; fi
    done
    return 1
}

# Remove the claims of dead agents that nobody needs any more: all that they name is done, or was
# not even begun. The mkdir of an agent may outlive it for a moment, so that what is not there may
# still come, and without its claim would be nobody's for ever.
exauq_drop_claims() {
    local file id made now
    local -a names
    exauq_now
    for file in .exauq-tui/claim-*; do
        if [[ ! -e $file ]] || exauq_claimant_lives "$file"; then continue; fi
        made=
        { read -r _ _ _ _ made _ && read -r -a names; } <"$file"
        made=${made%%[!0-9]*}
        for id in "${names[@]}"; do
            if [[ $id == *[!0-9]* || -s $id/exauq_manager.sh ]]; then continue; fi
            if [[ -e $id || $((${now%%[!0-9]*} - ${made:-0})) -lt 10 ]]; then continue 2; fi
        done
        rm -f -- "$file"
    done
}

# Take back the directory of the job at place $1, because it could not be written: sets `why`, and
# leaves `mine` without it. Forks.
exauq_give_up() {
    local id=${ids[$1]}
    unset "mine[$1]"
    if [[ -z $why ]]; then why=$(exauq_why_not "$PWD"); fi
    # Nobody can start it once START is taken.
    if exauq_claim "$id/START" || [[ ! -s $id/START ]]; then
        rm -rf -- "$id"
        exauq_journal "$PWD" "$id D - - - - - - "
        exauq_put "$id error $why"
    else
        exauq_put "$id ok"
    fi
}

# Set runner and manager, the texts of two files that are the same in every job of a submission.
exauq_write_texts() {
    local words word
    # Another shell that is given the runner gets no further than its second line.
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
    runner+="exauq_setup=$word"'; . "${dir%/*}/.exauq-tui/recorder-'$exauq_version$'.sh"\n'
    manager='#!/bin/bash
## start | status | stop, for EXAUQ-Toolbox and for people; in any shell; made by exauq-tui
dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) && exec /bin/bash -p "${dir%/*}/.exauq-tui/program-'$exauq_version'.sh" manage "$dir" "$@"
'
}
