# shellcheck shell=bash disable=SC2034,SC2154 # tables for others; common.sh sets root, me
# The distribution's packages: what is missing, and installing it. Reasons for
# each are in docs/dependencies.md.
#
# A line: the package, and what shows that it is there, however it came: a
# command, a pkg-config module or a file. (So an editor's own Node.js or the
# GnuTLS flavour of libcurl is as good as the package named here.)

packages_run='
gcc              cmd  cc
libc6-dev        file /usr/include/stdio.h
cmake            cmd  cmake
ninja-build      cmd  ninja
pkg-config       cmd  pkg-config
liblua5.4-dev    pc   lua5.4
libpq-dev        pc   libpq
libcurl4-openssl-dev pc libcurl
libssl-dev       pc   libcrypto
libevent-dev     pc   libevent
libjansson-dev   pc   jansson
uthash-dev       file /usr/include/uthash.h
ca-certificates  file /etc/ssl/certs/ca-certificates.crt
'
packages_postgres='
postgresql       file /usr/lib/postgresql/*/bin/postgres
'
packages_specs='
lua-luassert     file /usr/share/lua/5.4/luassert
lua-say          file /usr/share/lua/5.4/say*
'
packages_unit='
libcmocka-dev    pc   cmocka
'
packages_node='
nodejs           cmd  node
npm              cmd  npm
'
packages_python='
python3-psycopg2 file /usr/lib/python3/dist-packages/psycopg2/__init__.py
'
packages_peers='
python3-python-telegram-bot file /usr/lib/python3/dist-packages/telegram/__init__.py
'
packages_browser='
chromium         cmd  chromium|chromium-browser|google-chrome
'
packages_pooler='
pgbouncer        file /usr/sbin/pgbouncer
'
packages_metrics='
python3-prometheus-client file /usr/lib/python3/dist-packages/prometheus_client/parser.py
'
packages_lua_check='
lua-check        cmd  luacheck
'
packages_style='
clang-format     cmd  clang-format
git              cmd  git
'
packages_tidy='
clang-tidy       cmd  clang-tidy
'
packages_fuzz='
clang            cmd  clang
'
packages_valgrind='
valgrind         cmd  valgrind
'

# package_there KIND WHAT
package_there()
{
    local name
    case $1 in
    cmd)
        for name in ${2//|/ }; do
            command -v "$name" >/dev/null && return
        done
        return 1
        ;;
    pc) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    file) compgen -G "$2" >/dev/null ;;
    esac
}

# packages_missing TABLE: their names, one a line.
packages_missing()
{
    local name kind what
    while read -r name kind what; do
        [ -z "$name" ] || package_there "$kind" "$what" || echo "$name"
    done <<<"$1"
}

# apt's status lines: show how far it is.
apt_progress()
{
    local kind what percent rest
    while IFS=: read -r kind what percent rest; do
        case $kind in
        dlstatus) progress "fetching ${percent%.*} %" ;;
        pmstatus) progress "installing ${percent%.*} %: $what" ;;
        esac
    done
    progress_end
}

# packages_need TABLE: install what is missing of it, as root or with sudo.
packages_need()
{
    local missing log="$root/var/log/apt.log" as_root=()
    mapfile -t missing < <(packages_missing "$1")
    [ ${#missing[@]} -gt 0 ] || return 0

    if ! command -v apt-get >/dev/null; then
        fail "these packages are missing, and there is no apt-get to install them (names as in Debian 12):" \
            "${missing[*]}"
    fi
    if ! is_root; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null ||
            fail "these packages are missing: ${missing[*]}" \
                "Installing them needs root, or sudo without a password. Please run:" \
                "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" \
                "and start bin/$me again."
    fi
    say "Installing with apt-get: ${missing[*]}"
    "${as_root[@]}" sh "$root/bin/lib/apt-install" "${missing[@]}" \
        </dev/null 2>>"$log" | apt_progress
    if [ "${PIPESTATUS[0]}" != 0 ]; then
        tail -n 25 "$log" >&2
        fail "apt-get could not install them; all it said is in $log"
    fi
    mapfile -t missing < <(packages_missing "$1")
    [ ${#missing[@]} -eq 0 ] ||
        fail "still missing after installing: ${missing[*]}" "See $log"
}
