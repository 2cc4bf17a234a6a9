# shellcheck shell=bash
# Single-quoted text is meant to reach the other file as it is (SC2016); variables are shared
# between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2016,SC2034,SC2154
# Workspaces: finding, making, describing and deleting them, and what we keep in them.

# Note how workspace $1 may be used: sets read_only; refuse where there is none.
exauq_enter() {
    if [[ ! -d $1 ]]; then
        status=missing reply="there is no workspace $1"
        return 1
    fi
    exauq_read_format "$1"
}

# Refuse where we are to look only.
exauq_may_change() {
    if [[ -n $exauq_looks_only ]]; then
        exauq_refuse "nothing is changed on this server: it was connected to for looking only"
        return 1
    fi
}

# Refuse unless $1 is a workspace directory that this version may write to.
exauq_check_workspace() {
    exauq_may_change || return
    exauq_enter "$1" || return
    if [[ -n $read_only ]]; then
        exauq_refuse "workspace $1 was written by a newer exauq-tui (format $format): it is shown, but not changed; update exauq-tui"
        return 1
    fi
}

# Set generation to that of the journal of workspace $1, or "-" where there is none.
exauq_generation() {
    exauq_generation_of "$1/.exauq-tui/journal"
}

# Set generation to that of the journal in file $1; false, and "-", where it is none.
exauq_generation_of() {
    local word='' number=''
    generation=-
    read -r word number generation <"$1"
    [[ $word == exauq-journal && $number == 1 && -n $generation ]] && return
    generation=-
    return 1
}

# Make what we keep in workspace $1 (which exists): format, journal, a copy of this program.
# Forks only the first time.
exauq_prepare() {
    local own=$1/.exauq-tui temporary generation
    exauq_program_copy=$own/program-$exauq_version.sh
    exauq_generation "$1"
    if [[ $generation != - && -e $exauq_program_copy ]]; then return 0; fi
    exauq_name_for_now "$1" new
    temporary=$REPLY
    # Without -p: a workspace that somebody removed is only made anew on purpose.
    if ! { mkdir -- "$own" 2>/dev/null || [[ -d $own ]]; } || ! {
        # What runs once per job is kept short: Bash reads all of it each time.
        printf '%s\n' "${EXAUQ_PROGRAM%%$'\n: the recorder ends here'*}" \
            'exec 2>/dev/null; exauq_record "$dir"' >"$temporary" &&
            mv -f -- "$temporary" "$own/recorder-$exauq_version.sh" &&
            printf '%s\n' "$EXAUQ_PROGRAM" 'exauq_main "$@"' >"$temporary" &&
            mv -f -- "$temporary" "$exauq_program_copy" &&
            printf '%s\n' "$exauq_format" >"$temporary" &&
            mv -f -- "$temporary" "$own/format"
    } 2>/dev/null; then
        # Asked while the file still takes what room there is: a small one may fit afterwards.
        exauq_refuse "cannot write to the workspace $1: $(exauq_why_not "$1")"
        rm -f -- "$temporary" 2>/dev/null
        return 1
    fi
    if [[ $generation == - ]] && ! exauq_first_journal "$1" "$temporary"; then
        exauq_refuse "cannot write to the workspace $1: $(exauq_why_not "$1")"
        return 1
    fi
}

# Give workspace $1 a journal, by the file $2, where it still has none. With the lock: others may be
# about it, and one must not put aside what another has just made.
exauq_first_journal() {
    local own=$1/.exauq-tui locked=
    exauq_lock "$1" 10 || return
    exauq_generation "$1"
    if [[ $generation == - ]]; then
        # A journal without its first line was made by somebody who missed ours: put aside.
        if [[ -e $own/journal ]]; then mv -f -- "$own/journal" "$own/journal-odd" 2>/dev/null; fi
        exauq_begin_journal "$2" 2>/dev/null
        ln -- "$2" "$own/journal" 2>/dev/null
        rm -f -- "$2"
        exauq_generation "$1"
    fi
    exauq_unlock "$1"
    [[ $generation != - ]]
}

# Print why nothing can be written in directory $1, in the system's words. Forks.
exauq_why_not() {
    local probe=$1/.exauq-tui-probe-$$ words
    words=$({ printf '%4096s\n' x >"$probe"; } 2>&1) && words='it can now; try again'
    rm -f -- "$probe" 2>/dev/null
    printf '%s' "${words##*: }"
}

# Find the workspace: path-as-configured limit. Replies with its absolute path ("" for none) and
# "present", "bare" (a directory without anything of ours) or "absent". What was left undone there
# by processes that died is taken up.
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
    if [[ -z $ws || ! -d $ws ]]; then
        exauq_put absent
        return
    fi
    exauq_read_format "$ws"
    if [[ -e $ws/.exauq-tui/journal && -z $read_only ]]; then
        exauq_put present
        exauq_set_limit "$ws" "$2"
        exauq_detach fill "$ws" repair
    else
        # `make` prepares it, before the first submission.
        exauq_put bare
    fi
}

# Set ws to the workspace in directory $1 that was made for mark $2; false where there is none.
exauq_find_made() {
    local file mark
    for file in "$1"/exauq?????/.exauq-tui/made-for; do
        mark=''
        read -r mark <"$file"
        if [[ -n $mark && $mark == "$2" ]]; then
            ws=${file%/.exauq-tui/made-for}
            return
        fi
    done
    return 1
}

# Make a workspace: path-or-nothing script limit mark. Replies with its path. A request of its own,
# so that the path is known before any job is in it; asked again with the same mark, since the
# answer was lost, it makes no other one.
exauq_verb_make() {
    local ws=$1 words script
    exauq_may_change || return
    exauq_find_script "$2" || return
    if [[ -n $ws && -d $ws ]]; then
        exauq_check_workspace "$ws" || return
    elif [[ -z $ws ]] && ! exauq_find_made "${script%/*}" "$4"; then
        if ! ws=$(exauq_make_random "${script%/*}") || [[ -z $ws ]]; then
            exauq_refuse "cannot make a workspace directory in ${script%/*}: $(exauq_why_not "${script%/*}"); set workspace_dir"
            return
        fi
        mkdir -- "$ws/.exauq-tui" && printf '%s\n' "$4" >"$ws/.exauq-tui/made-for"
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

# Make a new directory exauqXXXXX in directory $1, as mktemp does, and print its path.
exauq_make_random() {
    local letters=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 name tries place
    mktemp -d "$1/exauqXXXXX" && return
    # busybox's wants one X more.
    for tries in {1..9}; do
        name=
        for place in {1..5}; do name+=${letters:RANDOM % 62:1}; done
        if mkdir -m 700 -- "$1/exauq$name"; then
            printf '%s\n' "$1/exauq$name"
            return
        fi
    done
    return 1
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
