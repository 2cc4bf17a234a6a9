# shellcheck shell=bash
# Variables are shared between the parts of the program (SC2034, SC2154).
# shellcheck disable=SC2034,SC2154
# What only somebody who connects does: set the limit of the slots, mend what died, and clear away.

# Set the limit of workspace $1 to $2: a number; "auto" for the number of cores where none was
# set before; "" to leave it. Forks where it changes something.
exauq_set_limit() {
    local own=$1/.exauq-tui limit cores=$2
    case $2 in
        '') return ;;
        auto)
            [[ ! -e $own/max_running ]] || return 0
            cores=$(nproc || getconf _NPROCESSORS_ONLN || grep -c ^processor /proc/cpuinfo || echo 1)
            ;;
        *)
            exauq_read_limit "$1"
            [[ $limit != "$2" || ! -e $own/max_running ]] || return 0
            ;;
    esac
    exauq_name_for_now "$1" new
    printf '%s\n' "$cores" >"$REPLY" && mv -f -- "$REPLY" "$own/max_running"
}

# Put accepted jobs of workspace $ws back into the queue that are in it no more, or never were
# because the agent died before it wrote them there.
exauq_requeue() {
    local dir text
    local -A waiting=()
    local -a lines=() missing=()
    mapfile -t -s "$dealt" lines <"$own/queue"
    for dir in "${lines[@]}"; do waiting[${dir:-0}]=1; done
    for dir in "${taken[@]}"; do waiting[$dir]=1; done
    for dir in [0-9]*/; do
        dir=${dir%/}
        if [[ $dir != *[!0-9]* && -z ${waiting[$dir]-} ]] && exauq_may_start "$dir"; then
            missing+=("$dir")
        fi
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    printf -v text '%s\n' "${missing[@]}"
    exauq_append "$own/queue" "${text%$'\n'}"
}

# Set REPLY to a path in what we keep in workspace $1, for something that does not stay; $2 says
# what. Its name tells who makes it, so that it is known to be left over when we are dead.
exauq_name_for_now() {
    local proc_state proc_parent proc_group proc_session proc_ticks
    exauq_stat $$
    REPLY=$1/.exauq-tui/$2-$$-$proc_ticks-$RANDOM$RANDOM-$host
}

# Remove what was left in $own by the dead: half-made files, and jobs moved away to be deleted.
exauq_clear_away() {
    local left pid ticks maker
    for left in "$own"/new-* "$own"/trash-*; do
        maker=${left##*/} maker=${maker#*-}
        pid=${maker%%-*} maker=${maker#*-}
        ticks=${maker%%-*} maker=${maker#*-*-}
        if [[ -e $left && $maker == "$host" ]] && ! exauq_alive "$pid" "$ticks"; then
            rm -rf -- "$left"
        fi
    done
}

# Remove what else processes left half done that were killed: nobody is at it after a day.
exauq_sweep() {
    find "$own" -maxdepth 1 -mmin +1440 \( -name 'new-*' -o -name 'accepted-*' -o -name 'trash-*' \
        -o -name '*-half' \) -exec rm -rf -- {} +
}
