# shellcheck shell=bash
# Variables are set here for the other parts (SC2034).
# shellcheck disable=SC2034
# What every part of the server program shares: time, identity of processes, the journal.
#
# The client joins the files of this directory into one program (server_program.py says in which
# order), sends it over the connection, and the agent keeps a copy in the workspace for the
# processes that outlive the connection. Needs Bash >= 4.1 and Linux's /proc. No function forks
# unless its comment says so.
#
# Files of one job, beside the ones that EXAUQ-Toolbox reads (input.csv, output.txt, runner.sh,
# exauq_manager.sh, <script>.out, PID, PGID, JOBID, STOPPED, COMPLETED, FAILED):
#   token     "TOKEN SUBMITTED": what the job was sent with, and when it was accepted
#   STARTING  "HOST BOOT PID TICKS start|cancel", a line of each who is about to make START
#   START     made once, exclusively, by whoever may start the job (or cancels it before):
#             "HOST BOOT PID TICKS STARTED" of the recorder
#   SIM       "PID TICKS" of the simulator's first process
#   STOPPING  somebody asked for the end of the job: "HOST BOOT PID TICKS" of who sees to it
#   STOPFAILED  why that came to nothing; then "PID TICKS ..." of what survived
#   END       made once, exclusively, by whoever decides how the job ended:
#             what follows the id in a line of the journal
#   EXIT      the exit code
#
# One line about a job, the same in journal and snapshot:
#   ID STATE SUBMITTED STARTED FINISHED EXIT TOKEN OUTPUT NOTE...
# STATE: Q queued, R running, T stopping, X stopping failed, C completed, F failed, S stopped,
# D deleted. "-" stands for what is not known. Only NOTE may hold spaces.

exauq_format=1

# POSIXLY_CORRECT in the session's environment has a failing `exec` end the shell.
set +o posix

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
exauq_identify() {
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
    local name e f g h rest
    # To let `read` split takes Bash half as long as anything else. A name that holds a space is
    # no such word, or its end is found among the next few: it has at most 15 bytes.
    read -r _ name proc_state proc_parent proc_group proc_session e f g h \
        _ _ _ _ _ _ _ _ _ _ _ proc_ticks rest <"/proc/$1/stat" || return
    if [[ $name != '('*')' || $proc_state$proc_parent$proc_group$proc_session$e$f$g$h == *')'* || -z $rest ]]; then
        exauq_stat_odd "$1"
    fi
}

# exauq_stat of a process whose name may hold anything.
exauq_stat_odd() {
    local line=
    IFS= read -r -d '' line <"/proc/$1/stat"
    [[ -n $line ]] || return 1
    # What counts follows the last ')'. Looked for from the left, where it is near: from the right
    # Bash would compare each byte with each.
    line=${line#*') '}
    while [[ $line == *') '* ]]; do line=${line#*') '}; done
    # Not a here-string: those are files in /tmp, which may be full. And not an array, which takes
    # Bash three times as long.
    # shellcheck disable=SC2086
    set -- $line
    proc_state=$1 proc_parent=$2 proc_group=$3 proc_session=$4 proc_ticks=${20}
}

# Whether process $1, started at tick $2, still runs; a zombie does not.
exauq_alive() {
    local proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat "$1" && [[ $proc_ticks == "$2" && $proc_state != [ZX] ]]
}

# Make the empty file $1 if nobody has; whether it was us. Decides every race there is.
exauq_claim() {
    local claimed=1
    set -o noclobber
    : >"$1" && claimed=0
    set +o noclobber
    return "$claimed"
}

# Wait for a tenth of a second, or $1 milliseconds where that is less; for a second where `sleep`
# knows no less. Forks.
exauq_pause() {
    local seconds=0.1
    if [[ ${1:-100} -lt 100 ]]; then printf -v seconds '0.%03d' "$1"; fi
    sleep "$seconds" || sleep 1
}

# As exauq_claim, and write line $2 into it in the same breath.
exauq_sign() {
    local claimed=1
    set -o noclobber
    { claimed=0 && printf '%s\n' "$2"; } >"$1"
    set +o noclobber
    return "$claimed"
}

# Append the lines $2 to file $1. They begin on a line of their own, also after one that a full
# disk cut off, and stay whole among other writers: what is printed with %s alone leaves in one
# write, up to 4096 bytes.
exauq_append() {
    local line piece='' failed='' IFS=$'\n'
    if [[ ${#2} -le 4000 ]]; then
        [[ -z $2 ]] || printf '%s' $'\n'"$2"$'\n'
        return
    fi
    set -f
    for line in $2; do
        if [[ -n $piece && $((${#piece} + ${#line})) -gt 4000 ]]; then
            printf '%s' "$piece"$'\n' || failed=yes
            piece=
        fi
        piece+=$'\n'$line
    done
    set +f
    printf '%s' "$piece"$'\n' && [[ -z $failed ]]
} >>"$1"

# Append the lines $2 to the journal of workspace $1.
exauq_journal() {
    exauq_append "$1/.exauq-tui/journal" "$2"
}

# Append line $2 to the journal of workspace $1: at once, or where `news_held` is set with others
# that are kept in `news`. Who sets it calls exauq_tell_news at the end.
exauq_tell() {
    if [[ -z ${news_held-} ]]; then
        exauq_journal "$1" "$2"
        return
    fi
    news+=$2$'\n'
    if [[ ${#news} -gt 3500 ]]; then exauq_tell_news "$1"; fi
}

# Append to the journal of workspace $1 what stands in `news`.
exauq_tell_news() {
    if [[ -n $news ]]; then exauq_journal "$1" "${news%$'\n'}"; fi
    news=
}

# Read what job directory $1 tells of its submission: sets token, submitted.
exauq_read_token() {
    token=- submitted=-
    read -r token submitted <"$1/token"
    token=${token:--}
    if [[ -z $submitted || $submitted == *[!0-9.]* ]]; then submitted=-; fi
}

# Read what job directory $1 tells of its end: sets ended, submitted, token, started, finished,
# exit_code, output and note; false, and all but the first three and note "-", where it tells
# nothing or was damaged.
exauq_read_end() {
    ended='' output='' note=''
    # A line without its end was cut off by a full disk: so may be the number in it.
    read -r ended submitted started finished exit_code token output note <"$1/END" &&
        [[ $ended == [CFS] && -n $output && $submitted$started$finished$exit_code != *[!-0-9.]* ]] &&
        return
    ended=- started=- finished=- exit_code='' output=- note=
    exauq_read_token "$1"
    read -r exit_code <"$1/EXIT"
    if [[ -z $exit_code || $exit_code == *[!0-9]* ]]; then exit_code=-; fi
    return 1
}

# Set host_elsewhere to the machine that runs the job in directory $1; false where it is this one.
exauq_runs_elsewhere() {
    host_elsewhere=
    read -r host_elsewhere _ <"$1/START"
    [[ -n $host_elsewhere && $host_elsewhere != "$host" ]]
}

# Set read_only (to "yes" or "") and format: workspaces of formats that we do not know are shown,
# and left as they are, and so are all where we are to look only.
exauq_read_format() {
    read_only=${exauq_looks_only-} format=''
    read -r format <"$1/.exauq-tui/format"
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
    if IFS= read -r -d '' -n 64 text <"$1/output.txt"; then return; fi
    text=${text#"${text%%[![:space:]]*}"}
    text=${text%"${text##*[![:space:]]}"}
    [[ $text =~ ^[-+.0-9a-zA-Z]+$ ]] && short_output=$text
    return 0
}

# Decide how the job in directory $1 ended and say so in every place; the first to call wins.
#   $2 workspace, $3 id, $4 state (C, F or S), $5 started, $6 finished, $7 exit code, $8 note
# False where somebody else decided before.
exauq_end() {
    local line
    exauq_describe_end "$@"
    exauq_sign "$1/END" "$line" || return 1
    exauq_announce_end "$@"
}

# The second half of exauq_end; also repairs an END whose writer died in between.
exauq_write_end() {
    local line
    exauq_describe_end "$@"
    printf '%s\n' "$line" >"$1/END"
    exauq_announce_end "$@"
}

# Set `line` to what END is to hold; arguments as of exauq_end.
exauq_describe_end() {
    local short_output=- token submitted
    if [[ $4 == C ]]; then exauq_read_short_output "$1"; fi
    exauq_read_token "$1"
    line="$4 $submitted $5 $6 $7 $token $short_output $8"
}

# Say everywhere but in END that the job ended as `line` tells; arguments as of exauq_end.
exauq_announce_end() {
    # Of a job that was stopped its recorder has said it, or nobody knows.
    if [[ $7 != - && $4 != S ]]; then printf '%s\n' "$7" >"$1/EXIT"; fi
    # An empty file needs no block: this one is made on a full disk too.
    case $4 in
        C) : >"$1/COMPLETED" ;;
        S) : >"$1/STOPPED" ;;
        *) : >"$1/FAILED" ;;
    esac
    exauq_tell "$2" "$3 $line"
}
