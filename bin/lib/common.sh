# shellcheck shell=bash
# What bin/run and bin/test share: where things are, how to say things.
# Sourced; sets root (the clone's folder).

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin" # useradd is there
: "${HOME:=$root/var}"                       # npm insists on one
export PATH HOME
me=${0##*/}

say()
{
    printf '%s\n' "$*"
}

fail()
{
    printf '%s: %s\n' "bin/$me" "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

is_root()
{
    [ "$(id -u)" = 0 ]
}

# Make var/ and build/, and say it plainly when they are somebody else's.
make_folders()
{
    local dir advice
    umask 022
    advice="Start as $(stat -c %U "$root"), or make a clone of your own."
    [ ! -O "$root" ] ||
        advice="If an earlier start was as root: sudo chown -R $(id -un) $root/build $root/var"
    ! is_root || advice="Is the file system read-only, or full?"
    for dir in var var/log build; do
        mkdir -p "$root/$dir" 2>/dev/null && [ -w "$root/$dir" ] && continue
        fail "can't write to $root/$dir" \
            "It belongs to $(stat -c %U "$root/$dir" 2>/dev/null ||
                stat -c %U "$root"), and this is $(id -un). $advice"
    done
}

# progress TEXT: replaces the last progress line on a terminal; elsewhere a
# line every ten seconds, so that a log shows that it lives.
progress_last=$SECONDS
progress()
{
    if [ -t 1 ]; then
        printf '\r\033[K  %.70s' "$1"
    elif [ $((SECONDS - progress_last)) -ge 10 ]; then
        progress_last=$SECONDS
        printf '  %s\n' "$1"
    fi
}

progress_end()
{
    [ ! -t 1 ] || printf '\r\033[K'
}

# lock FILE TEXT: hold FILE's lock until unlock or the end of this process; say
# TEXT if that means waiting. Programs started meanwhile should get 8>&-.
lock()
{
    exec 8>"$1"
    flock -n 8 && return
    say "$2"
    flock 8
}

unlock()
{
    exec 8>&-
}
