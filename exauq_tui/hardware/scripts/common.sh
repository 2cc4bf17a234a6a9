# shellcheck shell=bash
# Variables are set here for the other parts (SC2034).
# shellcheck disable=SC2034
# What every part of the server program shares: time, identity of processes, the journal.
#
# The client joins the files of this directory into one program (agent.py says in which order),
# sends it over the connection, and the agent keeps a copy in the workspace for the processes
# that outlive the connection. Needs Bash >= 4.1 and Linux's /proc. No function forks unless
# its comment says so.
#
# Files of one job, beside the ones that EXAUQ-Toolbox reads (input.csv, output.txt, runner.sh,
# exauq_manager.sh, <script>.out, PID, PGID, JOBID, STOPPED, COMPLETED, FAILED):
#   token     "TOKEN SUBMITTED": what the job was sent with, and when it was accepted
#   START     made once, exclusively, by whoever may start the job (or cancels it before):
#             "HOST BOOT PID TICKS STARTED" of the recorder
#   SIM       "PID TICKS" of the simulator's first process
#   STOPPING  somebody asked for the end of the job; STOPFAILED: "PID...", what survived it
#   END       made once, exclusively, by whoever decides how the job ended:
#             "STATE STARTED FINISHED EXIT OUTPUT NOTE..."
#   EXIT      the exit code
#
# One line about a job, the same in journal and snapshot:
#   ID STATE SUBMITTED STARTED FINISHED EXIT TOKEN OUTPUT NOTE...
# STATE: Q queued, R running, T stopping, X stopping failed, C completed, F failed, S stopped,
# D deleted. "-" stands for what is not known. Only NOTE may hold spaces.

exauq_format=1

exauq_locale_was=${LC_ALL-unset}
export LC_ALL=C

# Let a child see the locale that the session had. Ours is C so that lengths count bytes, and
# exported so that mkdir's words, which are read here, are the same everywhere.
exauq_restore_locale() {
    if [[ $exauq_locale_was == unset ]]; then unset LC_ALL; else LC_ALL=$exauq_locale_was; fi
}

# Set `now` to seconds since 1970; forks only below Bash 4.2.
exauq_now() {
    if [[ -n ${EPOCHREALTIME-} ]]; then
        now=${EPOCHREALTIME%???}
    elif ! printf -v now '%(%s)T' -1 2>/dev/null; then
        now=$(date +%s)
    fi
}

# Set host and boot, by which a recorded process is known to be of this machine and uptime.
exauq_identify_machine() {
    # Not $HOSTNAME, which start-up files set to this and that.
    host=
    IFS= read -r host 2>/dev/null </proc/sys/kernel/hostname || host=${HOSTNAME-}
    host=${host:-unknown}
    host=${host//[[:space:]]/_}
    boot=unknown
    IFS= read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=unknown
}

# Set proc_state, proc_parent, proc_group, proc_session and proc_ticks of process $1; false where
# it is gone.
exauq_stat() {
    local line
    line=
    { IFS= read -r -d '' line <"/proc/$1/stat"; } 2>/dev/null
    [[ -n $line ]] || return 1
    # The name in parentheses may hold anything: what counts follows the last ')'. Splitting,
    # not a here-string: those are files in /tmp, which may be full.
    # shellcheck disable=SC2206
    local field=(${line##*)})
    proc_state=${field[0]} proc_parent=${field[1]} proc_group=${field[2]}
    proc_session=${field[3]} proc_ticks=${field[19]}
}

# Whether process $1, started at tick $2, still runs; a zombie does not.
exauq_process_alive() {
    local proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat "$1" && [[ $proc_ticks == "$2" && $proc_state != [ZX] ]]
}

# Make the empty file $1 if nobody has; whether it was us. Decides every race there is.
exauq_claim() {
    local claimed=1
    set -o noclobber
    { : >"$1"; } 2>/dev/null && claimed=0
    set +o noclobber
    return "$claimed"
}

# Append the lines $2 to the journal of workspace $1. They begin on a line of their own, also
# after one that a full disk cut off, and stay whole among other writers: what printf is given
# leaves in one write, up to 4096 bytes, but for a line end in front.
exauq_journal() {
    local rest=$2 piece
    while [[ -n $rest ]]; do
        piece=${rest:0:4000}
        if [[ ${#rest} -gt 4000 ]]; then piece=${piece%$'\n'*}; fi
        rest=${rest:${#piece} + 1}
        printf '\n%s\n' "$piece"
    done
} 2>/dev/null >>"$1/.exauq-tui/journal"

# Read what job directory $1 tells of its submission: sets token, submitted.
exauq_read_token() {
    token=- submitted=-
    { read -r token submitted <"$1/token"; } 2>/dev/null
    token=${token:--}
    if [[ -z $submitted || $submitted == *[!0-9.]* ]]; then submitted=-; fi
}

# Read what job directory $1 tells of its end: sets ended, started, finished, exit_code, output
# and note; false, and all but note "-", where it tells nothing or was damaged.
exauq_read_end() {
    ended='' started='' finished='' exit_code='' output='' note=''
    { read -r ended started finished exit_code output note <"$1/END"; } 2>/dev/null
    [[ $ended == [CFS] && -n $output && $started$finished$exit_code != *[!-0-9.]* ]] && return
    ended=- started=- finished=- exit_code=- output=- note=
    { read -r exit_code <"$1/EXIT"; } 2>/dev/null
    if [[ -z $exit_code || $exit_code == *[!0-9]* ]]; then exit_code=-; fi
    return 1
}

# Set host_elsewhere to the machine that runs the job in directory $1; false where it is this one.
exauq_runs_elsewhere() {
    host_elsewhere=
    { read -r host_elsewhere _ <"$1/START"; } 2>/dev/null
    [[ -n $host_elsewhere && $host_elsewhere != "$host" ]]
}

# Set read_only (to "yes" or "") and format: workspaces of formats that we do not know are shown,
# and left as they are.
exauq_read_format() {
    read_only='' format=''
    { read -r format <"$1/.exauq-tui/format"; } 2>/dev/null
    format=${format:-0}
    if [[ $format == *[!0-9]* || ${#format} -gt 9 ]] || ((10#$format > exauq_format)); then
        read_only=yes
    fi
}

# Set short_output to the number in $1/output.txt where it is plain and short, else to "-".
exauq_read_short_output() {
    local text=
    short_output=-
    # From a pipe one would read for ever.
    [[ -f $1/output.txt ]] || return 0
    # A NUL ends the read with success, so that "1<NUL>5" is not taken for 15.
    if { IFS= read -r -d '' -n 64 text <"$1/output.txt"; } 2>/dev/null; then return; fi
    text=${text#"${text%%[![:space:]]*}"}
    text=${text%"${text##*[![:space:]]}"}
    [[ $text =~ ^[-+.0-9a-zA-Z]+$ ]] && short_output=$text
    return 0
}

# Decide how the job in directory $1 ended and say so in every place; the first to call wins.
#   $2 workspace, $3 id, $4 state (C, F or S), $5 started, $6 finished, $7 exit code, $8 note
# False where somebody else decided before.
exauq_end() {
    exauq_claim "$1/END" || return 1
    exauq_write_end "$@"
}

# The second half of exauq_end; also repairs an END whose writer died in between.
exauq_write_end() {
    local dir=$1 flag short_output=- token submitted line
    case $4 in
        C) flag=COMPLETED ;;
        S) flag=STOPPED ;;
        *) flag=FAILED ;;
    esac
    if [[ $4 == C ]]; then exauq_read_short_output "$dir"; fi
    { printf '%s\n' "$4 $5 $6 $7 $short_output $8" >"$dir/END"; } 2>/dev/null
    if [[ $7 != - ]]; then { printf '%s\n' "$7" >"$dir/EXIT"; } 2>/dev/null; fi
    # An empty file needs no block: this one is made on a full disk too.
    { : >"$dir/$flag"; } 2>/dev/null
    exauq_read_token "$dir"
    line="$3 $4 $submitted $5 $6 $7 $token $short_output $8"
    exauq_journal "$2" "$line"
}

# Whether somebody sees to the end of the job in directory $1, which was asked to stop: a
# stopper that lives, or one that gave up because of processes that are still there.
exauq_stop_attended() {
    local words pid stop_host stop_boot stop_pid stop_ticks
    { read -r stop_host stop_boot stop_pid stop_ticks <"$1/STOPPING"; } 2>/dev/null
    [[ -n $stop_ticks ]] && exauq_process_alive "$stop_pid" "$stop_ticks" && return
    { IFS= read -r words <"$1/STOPFAILED"; } 2>/dev/null
    for pid in ${words-}; do
        [[ $pid == *[!0-9]* || ! -e /proc/$pid ]] || return 0
    done
    return 1
}

# Set `state` and `note` of the job in directory $1 with id $2, which was asked to stop.
exauq_judge_stopping() {
    state=T
    if [[ -s $1/STOPFAILED ]]; then
        state=X
        { IFS= read -r note <"$1/STOPFAILED"; } 2>/dev/null
    fi
    if [[ -O $1 ]] && ! exauq_stop_attended "$1"; then unattended+=("$2"); fi
}

# Set `state` (and started finished exit_code output note) of the job in directory $1 by its
# files and processes alone. A job whose processes are gone without a record ends here, by the
# documented rule; one that was asked to stop and that nobody stops is added to `unattended`.
# Needs host, boot and read_only; jobs of another account are judged, and left as they are.
#   $2 workspace, $3 id
exauq_judge() {
    local dir=$1 start_host start_boot pid ticks sim_pid sim_ticks verdict ended was_started
    state=Q started=- finished=- exit_code=- output=- note=
    if [[ -e $dir/STOPPED ]]; then
        state=S
    elif [[ -e $dir/COMPLETED ]]; then
        state=C
    elif [[ -e $dir/FAILED ]]; then
        state=F
    fi
    if [[ $state != Q ]]; then
        exauq_read_end "$dir"
        return 0
    fi
    [[ -e $dir/START ]] || return 0
    start_host='' start_boot='' pid='' ticks=''
    { read -r start_host start_boot pid ticks started <"$dir/START"; } 2>/dev/null
    if [[ -z $started || $started == *[!0-9.]* ]]; then started=-; fi
    state=R
    if [[ -e $dir/STOPPING && $start_host == "$host" && $start_boot == "$boot" ]]; then
        # Whether anything of it is left is for exauq_stop to find out, and to say.
        exauq_judge_stopping "$dir" "$3"
        return
    fi
    if [[ -z $ticks ]]; then
        # Claimed but not signed: signed within an instant, unless its maker died (or the disk
        # is full). Forks, but only here.
        [[ -n $(find "$dir/START" -mmin +1 2>/dev/null) ]] || return 0
        verdict='never started'
    elif [[ $start_host != "$host" ]]; then
        note="on $start_host"
        return
    elif [[ $start_boot != "$boot" ]]; then
        verdict='end not witnessed (reboot), output may be partial'
    else
        exauq_process_alive "$pid" "$ticks" && return
        { read -r sim_pid sim_ticks <"$dir/SIM"; } 2>/dev/null
        if [[ -n ${sim_ticks-} ]] && exauq_process_alive "$sim_pid" "$sim_ticks"; then
            note='recorder gone'
            return
        fi
        verdict='end not witnessed, output may be partial'
    fi
    # The recorder may have written the end between our two looks.
    if [[ -e $dir/STOPPED || -e $dir/COMPLETED || -e $dir/FAILED ]]; then
        exauq_judge "$@"
        return
    fi
    was_started=$started
    if exauq_read_end "$dir"; then
        # Decided by somebody who died before the flag.
        state=$ended verdict=$note
    else
        started=$was_started
        if [[ -e $dir/STOPPING ]]; then
            state=S verdict=
        elif [[ -e $dir/output.txt ]]; then
            state=C
        else
            state=F
        fi
    fi
    note=$verdict
    if [[ $state == C ]]; then
        local short_output=-
        exauq_read_short_output "$dir"
        output=$short_output
    fi
    if [[ -n $read_only || ! -O $dir ]]; then return; fi
    # An END without a flag has a writer that died: nobody else is at it, so write it again.
    exauq_claim "$dir/END"
    exauq_write_end "$dir" "$2" "$3" "$state" "$started" "$finished" "$exit_code" "$note"
}
