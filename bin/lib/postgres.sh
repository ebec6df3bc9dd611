# shellcheck shell=bash disable=SC2154 # common.sh sets root
# PostgreSQL servers of our own: one that bin/run keeps in var/postgres, and
# throw-away ones for tests (bin/lib/pg-throwaway).
#
# A server lives in one folder, pg_home, closed to everybody but the user it
# runs as: data/, its log, its socket. It listens on that socket only, so who
# may open the folder is who may connect. The functions work on what
# pg_private or pg_throwaway set: pg_home, pg_user, pg_socket_dir, pg_kind.

pg_user=
pg_home=
pg_socket_dir=
pg_kind=
pg_bin=

# --- who and where ---------------------------------------------------------

# Run a command as the server's user, from a folder everybody can be in.
pg_as()
{
    (
        cd / || exit 1
        exec 7>&- 8>&- 9>&-
        if is_root; then
            exec setpriv --reuid="$pg_user" --regid="$(id -g "$pg_user")" \
                --clear-groups --no-new-privs "$@"
        fi
        exec "$@"
    )
}

# The server refuses to run as root: then it runs as the system user moonpost.
pg_choose_user()
{
    pg_user=$(id -un 2>/dev/null || id -u)
    is_root || return 0
    pg_user=moonpost
    id -u "$pg_user" >/dev/null 2>&1 && return
    say "Adding the system user $pg_user, for PostgreSQL (it does not run as root)." >&2
    useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$pg_user" ||
        fail "could not add the system user $pg_user"
}

# The programs of the newest version from 13 on, or of the one that made the data.
pg_choose_bin()
{
    local version dir newest=12
    if [ -f "$pg_home/data/PG_VERSION" ]; then
        read -r version <"$pg_home/data/PG_VERSION"
        pg_bin=/usr/lib/postgresql/$version/bin
        [ -x "$pg_bin/postgres" ] ||
            fail "the database in $pg_home was made by PostgreSQL $version, which is not installed" \
                "Install postgresql-$version, or move $pg_home away to begin with an empty one."
        return 0
    fi
    pg_bin=
    for dir in /usr/lib/postgresql/*/bin; do
        version=${dir#/usr/lib/postgresql/}
        version=${version%/bin}
        if [ -x "$dir/postgres" ] && [ "${version//[!0-9]/}" -gt "$newest" ]; then
            newest=$version
            pg_bin=$dir
        fi
    done
    [ -n "$pg_bin" ] || fail "no PostgreSQL from version 13 on in /usr/lib/postgresql"
}

# A socket's path has at most 107 bytes, and ours stands in a settings file and
# in a URL: a long or unusual path gets a short folder of its own.
pg_choose_socket_dir()
{
    local base=/tmp
    pg_socket_dir=$pg_home
    [[ ${#pg_home} -le 90 && $pg_home =~ ^[A-Za-z0-9_./\ -]+$ ]] && return 0
    if is_root; then
        base=/run
    elif [ -w "${XDG_RUNTIME_DIR:-/nonexistent}" ] && [ ${#XDG_RUNTIME_DIR} -le 60 ]; then
        base=$XDG_RUNTIME_DIR
    fi
    pg_socket_dir=$base/moonpost-$(pg_hash "$pg_user $pg_home")
    pg_make_private "$pg_socket_dir"
}

pg_hash()
{
    printf %s "$1" | sha256sum | cut -c1-12
}

# A folder of the server's user, mode 0700, or nothing: /tmp is everybody's.
pg_make_private()
{
    mkdir -m 0700 "$1" 2>/dev/null && chown "$pg_user:" "$1"
    [ "$(stat -c '%U %a %F' "$1" 2>/dev/null)" = "$pg_user 700 directory" ] ||
        fail "$1 is not a folder of the user $pg_user with mode 0700" \
            "It is needed for PostgreSQL. Remove it, or give it to that user."
}

pg_url() # DATABASE
{
    printf 'postgresql://moonpost@/%s?host=%s\n' "$1" "${pg_socket_dir// /%20}"
}

# --- a server's life -------------------------------------------------------

# The server's process id, if it runs. A pid in a file proves little: after a
# crash or a new boot somebody else may have it.
pg_pid()
{
    local pid
    { read -r pid <"$pg_home/data/postmaster.pid"; } 2>/dev/null || return 1
    pg_is_server "$pid" && echo "$pid"
}

pg_is_server()
{
    [[ $(readlink "/proc/$1/exe" 2>/dev/null) == */postgres* ]] &&
        [ "$(readlink "/proc/$1/cwd")" = "$(readlink -f "$pg_home/data")" ]
}

# PostgreSQL clears up after a crash itself, unless the pid in a lock file is
# now some other program of the same user, or a killed server nobody has reaped.
pg_forget_stale()
{
    local file pid
    for file in "$pg_home/data/postmaster.pid" "$pg_socket_dir"/.s.PGSQL.*.lock; do
        { read -r pid <"$file"; } 2>/dev/null || continue
        [ -d "/proc/$pid" ] && ! pg_is_server "$pid" && rm -f "$file"
    done
    return 0
}

pg_init()
{
    : >>"$pg_home/postgres.log"
    chown "$pg_user" "$pg_home/postgres.log"
    [ -f "$pg_home/data/PG_VERSION" ] && return
    rm -rf "$pg_home/data.new" # of a start that was interrupted
    pg_as "$pg_bin/initdb" -D "$pg_home/data.new" -U moonpost --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync \
        </dev/null >>"$pg_home/postgres.log" 2>&1 || pg_failed "could not be set up"
    printf "\ninclude 'moonpost.conf'\n" >>"$pg_home/data.new/postgresql.conf"
    [ "$pg_kind" = throwaway ] || sync -f "$pg_home/data.new"
    mv "$pg_home/data.new" "$pg_home/data"
}

# Written at each start: the folder may have been moved.
pg_configure()
{
    {
        echo "# written by bin/lib/postgres.sh at each start"
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '\"$pg_socket_dir\"'"
        echo "unix_socket_permissions = 0700"
        echo "port = 5432"
        echo "cluster_name = 'moonpost'"
        echo "shared_buffers = 32MB"
        echo "max_connections = 100"
        echo "max_wal_size = 256MB"
        echo "jit = off"
        [ "$pg_kind" != throwaway ] || printf '%s = off\n' \
            fsync synchronous_commit full_page_writes
    } >"$pg_home/data/moonpost.conf"
    chown "$pg_user" "$pg_home/data/moonpost.conf"
}

pg_start()
{
    local try
    pg_pid >/dev/null && return
    pg_choose_bin
    pg_init
    pg_forget_stale
    pg_configure
    if [ "$(stat -c %s "$pg_home/postgres.log" 2>/dev/null || echo 0)" -gt 1000000 ]; then
        mv "$pg_home/postgres.log" "$pg_home/postgres.log.1"
    fi
    for try in 1 2 3 4 5 6 7 8 9 10; do
        pg_as "$pg_bin/pg_ctl" -D "$pg_home/data" -l "$pg_home/postgres.log" \
            -s -w -t 60 start </dev/null >/dev/null 2>&1 && return
        # a killed server's last processes are still leaving
        tail -n 5 "$pg_home/postgres.log" | grep -q 'shared memory block' || break
        sleep "0.$try"
    done
    pg_failed "did not start"
}

pg_failed()
{
    tail -n 15 "$pg_home/postgres.log" >&2
    fail "PostgreSQL $1; see $pg_home/postgres.log"
}

pg_stop() # fast|immediate
{
    local pid
    pid=$(pg_pid) || return 0
    pg_choose_bin
    pg_as "$pg_bin/pg_ctl" -D "$pg_home/data" -s -w -t 20 -m "$1" stop \
        </dev/null >/dev/null 2>&1 && return
    pg_as "$pg_bin/pg_ctl" -D "$pg_home/data" -s -w -t 20 -m immediate stop \
        </dev/null >/dev/null 2>&1 && return
    kill -9 "$pid" 2>/dev/null
}

pg_sql() # DATABASE STATEMENT
{
    pg_as env -i PATH="$PATH" "$pg_bin/psql" -X -q -t -A -v ON_ERROR_STOP=1 \
        -h "$pg_socket_dir" -U moonpost -d "$1" -c "$2"
}

pg_make_database() # NAME
{
    [ "$(pg_sql postgres "SELECT 1 FROM pg_database WHERE datname = '$1'")" = 1 ] ||
        pg_sql postgres "CREATE DATABASE \"$1\"" ||
        fail "could not make the database $1; see $pg_home/postgres.log"
}

# --- the server that bin/run keeps -----------------------------------------

# Its folder is var/postgres; but when we are root its user may not reach the
# clone (one in /root), and then it is in /var/lib/moonpost.
pg_private()
{
    local owner
    pg_kind=private
    pg_home=$root/var/postgres
    owner=$(stat -c %U "$pg_home" 2>/dev/null)
    case $owner in
    '' | root | UNKNOWN) owner= ;;
    esac
    if is_root && [ -n "$owner" ]; then
        pg_user=$owner # made by a start that was not as root
    else
        pg_choose_user
    fi
    if is_root; then
        if ! pg_as test -x "$root/var"; then
            (umask 022 && mkdir -p /var/lib/moonpost)
            pg_home=/var/lib/moonpost/$(pg_hash "$root")
        fi
    elif [ -e "$pg_home" ] && [ ! -O "$pg_home" ]; then
        fail "$pg_home belongs to $(stat -c %U "$pg_home"): an earlier start was as root" \
            "Start as root again, or make it yours: sudo chown -R $(id -un) $root/build $root/var"
    fi
    pg_make_private "$pg_home"
    pg_choose_socket_dir
}

# Several bin/run of one clone share the server; the last one stops it. Each
# holds the lock of a file in var/users (descriptor 7; the program inherits
# it), so that a killed one does not count, and a helper waits for that lock to
# be gone, so that also a killed one's server is stopped.
pg_private_join()
{
    pg_private
    mkdir -p "$root/var/users"
    lock "$root/var/postgres.lock" "Waiting for another bin/run that is starting or ending."
    if ! pg_pid >/dev/null; then
        [ -f "$pg_home/data/PG_VERSION" ] || say "Setting up a private PostgreSQL in $pg_home."
        pg_start
        pg_pid >"$root/var/postgres.started"
    else
        say "The private PostgreSQL runs already, for another bin/run here: both use it."
    fi
    pg_choose_bin
    exec 7>"$root/var/users/$$"
    flock 7
    setsid bash "$root/bin/lib/when-gone" "$root/var/users/$$" \
        "$root/bin/lib/pg-private" leave </dev/null >/dev/null 2>&1 7>&- 8>&- &
    pg_helper=$!
    unlock
}

# Stop the server if nobody uses it any more, and one of us started it.
pg_private_leave()
{
    local file used=
    if [ -n "${pg_helper:-}" ]; then
        kill -- "-$pg_helper" 2>/dev/null
        rm -f "$root/var/users/$$" # the helper may get its lock yet
    fi
    exec 7>&-
    lock "$root/var/postgres.lock" ""
    for file in "$root"/var/users/*; do
        [ -e "$file" ] || continue
        if flock -n "$file" true; then
            rm -f "$file"
        else
            used=1
        fi
    done
    if [ -z "$used" ] && [ "$(pg_pid)" = "$(cat "$root/var/postgres.started" 2>/dev/null)" ]; then
        pg_stop fast
        [ "$pg_socket_dir" = "$pg_home" ] || rmdir "$pg_socket_dir" 2>/dev/null
    fi
    unlock
}

# --- a server for tests ----------------------------------------------------

pg_throwaway() # DIR: the parent exists; as root, everybody can reach it
{
    pg_kind=throwaway
    pg_choose_user
    pg_home=$1
    [ -d "$pg_home" ] || pg_make_private "$pg_home"
    pg_socket_dir=$pg_home
    [ ${#pg_home} -le 90 ] || fail "$pg_home: too long a path for a socket"
    pg_choose_bin
}
