# shellcheck shell=bash disable=SC2154 # common.sh sets root
# Building with the presets of CMakePresets.json.

# build_progress LOG: keep what cmake and ninja say, show how far they are.
build_progress()
{
    local line
    : >"$1"
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        case $line in
        '[0/'*) ;;
        \[*/*\]*) progress "building ${line%%]*}]" ;;
        esac
    done
    progress_end
}

# build PRESET TARGET…: into build/PRESET. Quick when nothing changed: ninja
# itself sees whether cmake must run again.
build()
{
    local preset=$1 dir="$root/build/$1" log="$root/var/log/build-$1.log"
    shift
    lock "$root/build/.lock" "Waiting for another build in $root/build."
    if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" \
        "$dir/CMakeCache.txt" 2>/dev/null; then
        rm -rf "$dir" # new, or the clone was moved
    fi
    if [ ! -f "$dir/build.ninja" ]; then
        say "Building Moonpost ($preset)."
        (cd "$root" && cmake --preset "$preset") </dev/null 2>&1 8>&- |
            build_progress "$log"
        [ "${PIPESTATUS[0]}" = 0 ] || build_failed "$log"
    fi
    NINJA_STATUS='[%f/%t] ' ninja -C "$dir" "$@" </dev/null 2>&1 8>&- |
        build_progress "$log"
    [ "${PIPESTATUS[0]}" = 0 ] || build_failed "$log"
    unlock
}

build_failed()
{
    grep -v '^\[[0-9]*/[0-9]*\] \(Building\|Linking\|Generating\)' "$1" |
        head -n 60 >&2
    fail "the build failed; all it said is in $1"
}
