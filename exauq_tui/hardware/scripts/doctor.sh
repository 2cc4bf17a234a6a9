# shellcheck shell=bash
# Single-quoted text is meant to reach the other shell as it is (SC2016); variables are shared
# between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2016,SC2034,SC2154
# Examining this machine for a person: facts only, which facts.py makes findings of. Forks often.
# Not among the parts that are sent with each connection: the agent learns it when it is asked.

exauq_doctor_tools='cat date df flock getconf id mktemp nproc ps stat timeout'

# Run a command that may hang, for at most five seconds where that can be said.
exauq_briefly() {
    if type -P timeout >/dev/null; then timeout 5 "$@"; else "$@"; fi
}

# Tell about this machine, script and workspace: workspace-or-nothing script. Replies "KEY VALUE"
# lines. Nothing is changed, but for files that are made and removed again.
exauq_verb_doctor() {
    local ws=$1 script dir state now tool lacks='' line
    exauq_now
    exauq_put "now $now"
    exauq_put "shell ${SHELL-}"
    exauq_put "user ${USER:-$(id -un)}"
    for tool in $exauq_doctor_tools; do
        if ! type -P "$tool" >/dev/null; then lacks+=" $tool"; fi
    done
    exauq_put "lacks$lacks"
    exauq_resolve "$2"
    script=$REPLY state=ok
    if [[ ! -e $script ]]; then state=missing
    elif [[ ! -f $script ]]; then state=directory
    elif [[ ! -r $script ]]; then state=unreadable
    fi
    exauq_put "script $script"
    exauq_put "script-state $state"
    exauq_doctor_place
    exauq_doctor_disk
    exauq_doctor_machine
    exauq_doctor_logout
    if [[ $state == present ]]; then exauq_doctor_workspace; fi
    exauq_put "processes $(ulimit -u)"
    exauq_put "open-files $(ulimit -n)"
    if type -P quota >/dev/null; then
        line=$(exauq_briefly quota -q 2>/dev/null)
        line=${line#"${line%%[![:space:]]*}"}
        exauq_put "quota ${line%%$'\n'*}"
    fi
}

# Find where files go: sets dir (an existing directory) and state, of ws and script.
exauq_doctor_place() {
    local probe
    if [[ -z $ws ]]; then
        state=unnamed dir=${script%/*}/
    elif [[ -d $ws ]]; then
        state=present dir=$ws
        exauq_read_format "$ws"
        if [[ -n $read_only && -z $exauq_looks_only ]]; then state=newer; fi
    elif [[ -e $ws ]]; then
        state=other dir=${ws%/*}/
    else
        state=absent dir=$ws
    fi
    while [[ ! -d $dir && $dir == */* ]]; do dir=${dir%/*}; done
    dir=${dir:-/}
    if [[ $dir != / ]]; then dir=${dir%/}; fi
    exauq_put "workspace $ws"
    exauq_put "workspace-state $state"
    exauq_put "dir $dir"
    probe=$dir/.exauq-tui-probe-$$-$RANDOM
    if [[ -n $exauq_looks_only ]]; then
        if [[ ! -w $dir ]]; then exauq_put 'unwritable Permission denied'; fi
    elif { printf '%4096s\n' x >"$probe"; } 2>/dev/null && rm -f -- "$probe"; then
        exauq_put "locks $(exauq_doctor_locks "$probe")"
    else
        rm -f -- "$probe"
        exauq_put "unwritable $(exauq_why_not "$dir")"
    fi
}

# Try on file $1 whether a lock keeps others out. Prints works, absent, none or sham.
exauq_doctor_locks() {
    if ! type -P flock >/dev/null; then
        printf absent
    elif ! { exec 7>>"$1" && flock -n 7; }; then
        printf none
    else
        # Opened anew: a descriptor that is handed on would share the lock.
        (exec 7>>"$1" && flock -n 7)
        if [[ $? -eq 1 ]]; then printf works; else printf sham; fi
    fi
    rm -f -- "$1"
}

# Tell how much room there is in `dir`.
exauq_doctor_disk() {
    local line kind flag
    # The name of a file system may hold spaces: what counts stands behind it.
    local pattern='([0-9]+) +([0-9]+) +([0-9]+) +([0-9]+%|-) +/'
    for flag in k i; do
        line=$(exauq_briefly df "-P$flag" -- "$dir" | tail -n 1)
        if [[ $line =~ $pattern ]]; then
            if [[ $flag == k ]]; then kind=space; else kind=inodes; fi
            exauq_put "$kind ${BASH_REMATCH[3]} ${BASH_REMATCH[1]}"
        fi
    done
    exauq_put "file-system $(exauq_briefly stat -f -c %T -- "$dir")"
}

# Tell about cores and load.
exauq_doctor_machine() {
    local load=
    exauq_put "cores $(nproc || getconf _NPROCESSORS_ONLN || grep -c ^processor /proc/cpuinfo)"
    read -r load _ </proc/loadavg
    exauq_put "load ${load:-?}"
}

# Tell whether the system ends processes of somebody who logs out.
exauq_doctor_logout() {
    local line scope=none key
    while IFS= read -r line; do
        case $line in
            */session-*.scope*) scope=session ;;
            */user@*.service*) scope=user ;;
        esac
    done </proc/self/cgroup
    exauq_put "scope $scope"
    while IFS= read -r line; do
        key=
        case $line in
            KillUserProcesses=*) key='kill' ;;
            KillExcludeUsers=*) key=kill-exclude ;;
            KillOnlyUsers=*) key=kill-only ;;
        esac
        if [[ -n $key ]]; then exauq_put "$key ${line#*=}"; fi
    done < <(exauq_doctor_logind)
    if [[ -e /var/lib/systemd/linger/${USER:-$(id -un)} ]]; then line=yes; else line=no; fi
    exauq_put "linger $line"
}

# Print how logind is set, from itself or else from its files.
exauq_doctor_logind() {
    exauq_briefly loginctl show-session -p KillUserProcesses -p KillExcludeUsers -p KillOnlyUsers ||
        cat /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf
}

# Print how many files in `own` of the names $@ were last changed ten minutes ago or before.
exauq_doctor_count() {
    local name count=0 found
    for name; do
        while IFS= read -r found; do
            [[ -z $found ]] || count=$((count + 1))
        done < <(find "$own" -maxdepth 1 -name "$name" -mmin +10)
    done
    printf '%s' "$count"
}

# Tell what stands in workspace `ws`.
exauq_doctor_workspace() {
    local own=$ws/.exauq-tui entry limit jobs=0 running=0 queued=0 freed=
    local state started finished exit_code output note token submitted
    local -a unattended=()
    cd -- "$ws" || return
    for entry in [0-9]*/; do
        entry=${entry%/}
        if [[ $entry == *[!0-9]* || ! -e $entry/exauq_manager.sh ]]; then continue; fi
        jobs=$((jobs + 1))
        exauq_judge_any "$entry" "$ws"
        case $state in
            Q) queued=$((queued + 1)) ;;
            [RTX]) running=$((running + 1)) ;;
        esac
    done
    cd /
    exauq_put "jobs $jobs"
    exauq_put "running $running"
    exauq_put "queued $queued"
    [[ -d $own ]] || return
    if [[ -e $own/max_running ]]; then
        exauq_read_limit "$ws"
        exauq_put "limit $limit"
    fi
    if [[ -e $own/journal ]]; then
        entry=$(wc -c <"$own/journal")
        exauq_put "journal ${entry//[!0-9]/}"
    fi
    exauq_put "trash $(exauq_doctor_count 'trash-*')"
    exauq_put "new $(exauq_doctor_count 'new-*' 'accepted-*' 'queue-[0-9]*' 'slots-*' 'max_running-*')"
    exauq_put "claims $(exauq_doctor_count 'claim-*')"
    if [[ -L $own/lock-holder ]] && exauq_holder_is_dead "$own"; then exauq_put 'dead-lock 1'; fi
    if [[ -e $own/journal-odd ]]; then exauq_put 'odd-journal 1'; fi
    exauq_put "orphans$(exauq_doctor_orphans)"
}

# Print the processes that carry the mark of a job of `ws` which has ended, each after a space.
exauq_doctor_orphans() {
    local line pid id mark token submitted
    while IFS= read -r line; do
        [[ $line == /proc/*/environ:EXAUQ_TUI_JOB=* ]] || continue
        pid=${line#/proc/} pid=${pid%%/*}
        mark=${line#*EXAUQ_TUI_JOB=} id=${mark%%:*}
        if [[ $pid == "$$" || -z $id || $id == *[!0-9]* ]] || ! exauq_stat "$pid" || [[ $proc_state == [ZX] ]]; then
            continue
        fi
        exauq_read_token "$ws/$id"
        if [[ $mark == "$id:$token" ]] && exauq_has_ended "$ws/$id"; then printf ' %s' "$pid"; fi
    done < <(grep -azsH '^EXAUQ_TUI_JOB=' /proc/[0-9]*/environ | tr '\0' '\n')
}

# What a job does before its simulator starts (runner.sh). Arguments: tag, setup, program.
exauq_rehearsal='
exauq_tag=$1 exauq_word=$3
printf "\n%s pid %s\n" "$1" $$
if [[ -n $2 ]]; then
    if [[ -r /etc/profile ]]; then . /etc/profile; fi
    eval "$2"
    printf "\n%s code %s\n" "$exauq_tag" $?
fi
printf "\n%s path %s\n%s program %s\n" "$exauq_tag" "$PATH" "$exauq_tag" "$(type -P -- "$exauq_word")"
'

# Rehearse the start of a job: setup program seconds-at-most. The program itself does not run.
# Replies "KEY VALUE" lines: code, path, program, said (the last line that was printed), and end,
# which is done, late, or cut (the setup lines ended the shell).
exauq_verb_rehearse() {
    local setup=$1 word=$2 limit=$3 tag=$exauq_nonce line pid='' said='' end=cut
    local deadline=$((SECONDS + limit))
    # shellcheck disable=SC2088
    if [[ $word == '~/'* ]]; then
        exauq_resolve "$word"
        word=$REPLY
    fi
    exec 5< <(
        exauq_restore_locale
        cd -- "$exauq_start_dir" || exit
        exec setsid /bin/bash -p -c "$exauq_rehearsal" exauq "$tag" "$setup" "$word" \
            </dev/null 2>&1 3>&- 6<&- 8<&- 9>&-
    )
    while :; do
        if IFS= read -r -t 1 -u 5 line; then
            case $line in
                "$tag pid "*) pid=${line##* } ;;
                "$tag program "*)
                    exauq_put "${line#"$tag "}"
                    end='done'
                    break
                    ;;
                "$tag "*) exauq_put "${line#"$tag "}" ;;
                ?*) said=$line ;;
            esac
        elif [[ $? -le 128 ]]; then
            break
        elif ((SECONDS >= deadline)); then
            end=late
            break
        fi
        # Lines without end never let the clock above be looked at.
        if ((SECONDS >= deadline + 1)); then end=late; break; fi
    done
    exec 5<&-
    # What setup lines left running was for jobs, of which this was none.
    if [[ $pid == [1-9]* && $pid != *[!0-9]* ]]; then kill -KILL -- "-$pid"; fi
    exauq_put "end $end"
    exauq_put "limit $limit"
    exauq_put "said ${said:0:300}"
}
