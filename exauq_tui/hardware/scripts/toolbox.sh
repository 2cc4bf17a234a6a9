# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# Jobs that EXAUQ-Toolbox made (no token of ours), and ours as its clients see them.

# Whether the job in directory $1 with id $2, made by EXAUQ-Toolbox, still runs on this machine.
# Its PID is that of a Bash whose command line names the job's runner: surer than the start
# time it records, which moves with clock corrections and time zones. For a moment it is still
# another program, which is on its way to become that Bash and names the runner somewhere.
exauq_foreign_alive() {
    local pid='' word
    read -r pid <"$1/PID"
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    while IFS= read -r -d '' word; do
        if [[ $word == *"/$2/runner.sh"* ]]; then return; fi
    done 2>/dev/null <"/proc/$pid/cmdline"
    return 1
}

# Set `state` and its like for the job in directory $1 with id $2, made by EXAUQ-Toolbox, by its
# own rules. Nothing is written into such a directory.
exauq_judge_foreign() {
    state=F started=- finished=- exit_code=- output=- note=
    if [[ -e $1/STOPPED ]]; then
        state=S
    elif [[ -e $1/COMPLETED ]]; then
        state=C
    elif [[ -e $1/FAILED ]]; then
        state=F
    elif [[ -e $1/STOPPING ]]; then
        # Whether anything of it is left is for exauq_stop to find out, and to say.
        exauq_judge_stopping "$1" "$2"
    elif [[ ! -s $1/PID ]]; then # or being written this moment
        state=Q note='not started by its EXAUQ-Toolbox'
    elif exauq_foreign_alive "$1" "$2"; then
        state=R
    elif [[ -e $1/output.txt ]]; then
        state=C note='end not witnessed, output may be partial'
    else
        note='end not witnessed'
    fi
    if [[ $state == C ]]; then
        local short_output=-
        exauq_read_short_output "$1"
        output=$short_output
    fi
}

# What a job's exauq_manager.sh does: $1 job directory, $2 start, status or stop.
exauq_manage() {
    local dir ws id state started finished exit_code output note host boot token submitted
    local read_only format host_elsewhere freed=
    local -a unattended=()
    dir=$(cd -- "$1" 2>/dev/null && pwd -P) || {
        printf '%s\n' "error: no directory $1" >&3
        return 1
    }
    id=${dir##*/} ws=${dir%/*}
    exauq_identify
    exauq_read_format "$ws"
    exauq_judge "$dir" "$ws" "$id"
    case ${2-} in
        start) if [[ $state == Q ]]; then exauq_launch "$ws" "$id"; fi ;;
        status)
            # Its clients take anything but these words for a failure: queued says RUNNING.
            case $state in
                C) echo COMPLETED ;;
                F) echo FAILED ;;
                S) echo STOPPED ;;
                *) echo RUNNING ;;
            esac
            ;;
        stop)
            if exauq_runs_elsewhere "$dir"; then
                printf '%s\n' "error: the job runs on $host_elsewhere: stop it from there" >&3
                return 1
            elif [[ $state == [RTX] ]]; then
                : >>"$dir/STOPPING"
                exauq_stop "$ws" 5000 "$id"
            elif [[ $state == Q ]]; then
                if exauq_cancel_queued "$ws" "$id"; then
                    freed=yes
                else
                    exauq_pause
                    exauq_manage "$1" stop
                fi
            fi
            ;;
        *)
            printf '%s\n' "error: expected start, status or stop" >&3
            return 1
            ;;
    esac
    if [[ -n $freed ]]; then exauq_fill "$ws"; fi
}
