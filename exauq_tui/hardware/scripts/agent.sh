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

# How many bytes of names a program is given at once. The kernel takes 128 KiB at least, with the
# environment; usually it takes 2 MiB.
exauq_names_most=65536

# Append field $1 to the reply, encoded.
exauq_put() {
    # shellcheck disable=SC1003
    local text=$1 one='\' two='\\'
    text=${text//"$one"/"$two"}
    text=${text//$'\n'/'\n'}
    page+=$text$'\n'
    if [[ ${#page} -gt 8000 ]]; then exauq_turn_page; fi
}

# Put what was appended to the reply last with the rest. Adding each line to all of a long text
# would take Bash longer and longer.
exauq_turn_page() {
    pages+=("$page")
    page=
}

# Call $1, which gives a program the names that it is called with, for all the other arguments: as
# often as it takes. False where one of the calls failed.
exauq_in_pieces() {
    local call=$1 name place count failed='' longest=1
    shift
    for name; do if [[ ${#name} -gt $longest ]]; then longest=${#name}; fi; done
    # With each name go its end and a pointer to it.
    count=$((exauq_names_most / (longest + 9)))
    if [[ $count -lt 1 ]]; then count=1; fi
    for ((place = 1; place <= $#; place += count)); do
        "$call" "${@:place:count}" || failed=yes
    done
    [[ -z $failed ]]
}

# Set request[field] to what the encoded text $1 stands for. Not by printf's %b: together with -v
# it makes a Bash below 4.3 dump its core.
exauq_decode() {
    local rest=$1 text=
    while [[ $rest == *\\* ]]; do
        text+=${rest%%\\*}
        rest=${rest#*\\}
        if [[ $rest == n* ]]; then text+=$'\n'; else text+=${rest:0:1}; fi
        rest=${rest:1}
    done
    request[field]=$text$rest
}

exauq_send() { # seq status payload
    printf 'EXAUQ %s %s %s %s\n%s\n' "$exauq_nonce" "$1" "$2" "${#3}" "$3" >&9
}

# Refuse the request at hand with a sentence.
exauq_refuse() {
    status=refused reply=$1 page='' pages=()
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

# Run this program's mode $1 free of this connection, for workspace $2, which holds the program, and
# with argument $3. It reads the other arguments, of any number, from its input: then "end".
exauq_detach() {
    local status=ok reply='' page=''
    local -a pages=()
    if [[ -n $read_only ]]; then return 1; fi
    exauq_prepare "$2" || return 1
    (
        exauq_restore_locale
        # A lock that we hold is not to outlive us in others.
        exec </dev/null 7>&-
        if [[ $# -gt 3 ]]; then exec < <(printf '%s\n' "${*:4} end"); fi
        exec setsid /bin/bash -p "$exauq_program_copy" "${@:1:3}" >/dev/null 2>&1 3>&- 6<&- 8<&- 9>&-
    ) &
}

exauq_verb_ping() { :; }

# Take in a part of this program that is not sent to everybody. The one request whose field is
# no data: it comes from where the program itself comes from.
exauq_verb_learn() { eval "$1"; }

# Answer requests until the input ends. $1 is the nonce that marks replies as ours, $2 how many
# milliseconds a job has to end that nobody sees to the end of; with $3 "look" nothing is changed.
exauq_serve() {
    local seq verb length payload field decoded status reply host boot now generation tool
    local read_only='' format='' host_elsewhere='' own_ticks
    local proc_state proc_parent proc_group proc_session proc_ticks
    local watched='' watch_generation watch_offset watch_pending watch_ticks watch_check watch_stands=
    local page=''
    local -a request pages=()
    local -A watch_running=() watch_waiting=()
    exauq_nonce=$1 exauq_grace=${2:-5000} exauq_start_dir=$PWD exauq_looks_only=
    if [[ ${3-} == look ]]; then exauq_looks_only=yes; fi
    # Nothing that is started here can read our input or write into our output.
    exec 8<&0 9>&1 </dev/null >/dev/null
    # Handlers, not "ignore": what is ignored here would be ignored in every job.
    trap : HUP PIPE
    exauq_identify
    if [[ ! -r /proc/self/stat ]]; then
        exauq_send 0 refused "this server has no /proc: servers need Linux"
        return
    fi
    for tool in base64 dd find grep head ln mkdir mv readlink rm rmdir setsid sleep tail tr wc; do
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
    exauq_send 0 ok "$page"
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
            for field in "${!request[@]}"; do
                [[ ${request[field]} != *\\* ]] || exauq_decode "${request[field]}"
            done
        fi
        status=ok reply='' page='' pages=()
        if declare -F "exauq_verb_$verb"; then
            "exauq_verb_$verb" "${request[@]}"
        else
            exauq_refuse "unknown request $verb"
        fi
        if [[ -n $page || ${#pages[@]} -gt 0 ]]; then
            exauq_turn_page
            printf -v reply '%s' "$reply" "${pages[@]}"
        fi
        exauq_send "$seq" "$status" "$reply"
    done
}
