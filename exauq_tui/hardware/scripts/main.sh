# shellcheck shell=bash
# The last part: what the copy in a workspace is run with.

exauq_main() {
    # Files that are not there are met all the time, and each time Bash says so. Sent to nowhere
    # once, for everything: per command that would cost more than the command.
    exec 3>&2 2>/dev/null
    # Where a job itself submits or cancels jobs: nothing done here is part of it.
    unset EXAUQ_TUI_JOB
    # Servers set it to throw out people who are idle; it would end every `read` here.
    unset TMOUT
    case ${1-} in
        serve) exauq_serve "${@:2}" ;;
        fill) exauq_fill "${@:2}" ;;
        stop) exauq_stop "${@:2}" ;;
        manage) exauq_manage "$2" "${3-}" ;;
        *) return 2 ;;
    esac
}
