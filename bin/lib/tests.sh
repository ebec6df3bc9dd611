# shellcheck shell=bash disable=SC2154 # common.sh sets root, bin/test name
# The parts of bin/test. Each test program runs bounded in time, without a
# terminal; a passing one is one line, of a failing one all its output is shown.

passed=0
failed=0
tests_done= # set when all parts came to their end
tests_tmp=
tests_child=
pg_helper=

# The last line and the exit status, however we end.
tests_end()
{
    trap '' INT TERM HUP
    [ -z "$tests_child" ] || kill -TERM "$tests_child" 2>/dev/null
    [ -z "$pg_helper" ] || kill -- "-$pg_helper" 2>/dev/null
    if [ -n "$tests_tmp" ]; then
        "$root/bin/lib/pg-throwaway" remove "$tests_tmp/pg" 7>&-
        rm -rf "$tests_tmp"
    fi
    [ -n "$tests_done" ] || failed=$((failed + 1)) # stopped half way
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ] && exit 0
    exit 1
}

# What all programs get: the folder for this run, the database, the program.
tests_database()
{
    # PostgreSQL's own user must get there: not below a closed folder
    tests_tmp=$(mktemp -d "/tmp/moonpost-test.XXXXXX") || fail "no folder in /tmp"
    chmod 755 "$tests_tmp"
    exec 7>"$tests_tmp/lock"
    flock 7
    # shellcheck disable=SC2016 # its own $0, $1
    setsid bash "$root/bin/lib/when-gone" "$tests_tmp/lock" \
        bash -c '"$0" remove "$1/pg"; rm -rf "$1"' \
        "$root/bin/lib/pg-throwaway" "$tests_tmp" </dev/null >/dev/null 2>&1 7>&- 9>&- &
    pg_helper=$!
    unset "${!PG@}" BOT_TOKEN DATABASE_URL TELEGRAM_API_URL WEBHOOK_URL
    MOONPOST_TEST_PGDIR=$tests_tmp/pg
    MOONPOST_TEST_DATABASE_URL=$("$root/bin/lib/pg-throwaway" start "$tests_tmp/pg") ||
        exit 1
    MOONPOST=$root/build/dev/moonpost
    ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1
    export MOONPOST MOONPOST_TEST_PGDIR MOONPOST_TEST_DATABASE_URL \
        ASAN_OPTIONS UBSAN_OPTIONS
}

# run_bounded SECONDS COMMAND…: its output goes to $tests_out.
run_bounded()
{
    local limit=$1 status
    shift
    # in the background, so that a Ctrl-C is heard; timeout passes it on
    timeout -k 10 "$limit" "$@" </dev/null >"$tests_out" 2>&1 9>&- &
    tests_child=$!
    wait "$tests_child"
    status=$?
    tests_child=
    [ $status != 124 ] || echo "not done after $limit s: ended" >>"$tests_out"
    return $status
}

# test_program LABEL SECONDS COMMAND…: run one that speaks TAP, and count.
test_program()
{
    local label=$1 started=${EPOCHREALTIME/./} status ok not_ok note=
    shift
    tests_out=$root/var/log/test-${label// /-}.log
    progress "$label"
    run_bounded "$@"
    status=$?
    progress_end
    read -r ok not_ok < <(tap_count "$tests_out")
    if [ $status != 0 ] && [ "$not_ok" = 0 ]; then
        not_ok=1 # it died, or leaked, or was ended
        note=" (exit status $status)"
    elif [ "$ok" = 0 ] && [ "$not_ok" = 0 ]; then
        not_ok=1
        note=" (it ran no test)"
    fi
    passed=$((passed + ok))
    failed=$((failed + not_ok))
    started=$((${EPOCHREALTIME/./} - started))
    [ "$not_ok" = 0 ] || sed 's/^/    /' "$tests_out"
    printf '%-28s %4d passed' "$label" "$ok"
    [ "$not_ok" = 0 ] || printf ', %d failed%s' "$not_ok" "$note"
    printf ' %*s\n' 9 "$((started / 1000000)).$((started / 100000 % 10)) s"
}

# tap_count FILE: "PASSED FAILED". Node sums up at its end; cmocka does not.
# Skipped ones count as neither. A plan that was not kept is a failure.
tap_count()
{
    awk '
        /^# pass [0-9]+$/ { summary = 1; pass = $3 }
        /^# (fail|cancelled) [0-9]+$/ { fail += $3 }
        /^1\.\.[0-9]+/ { planned += substr($1, 4) }
        /^(not )?ok / { seen++ }
        /^(not )?ok .*# (SKIP|skip)/ { next }
        /^ok / { ok++ }
        /^not ok / { not_ok++ }
        END {
            if (summary) { print pass + 0, fail + 0; exit }
            if (planned > seen) not_ok++
            print ok + 0, not_ok + 0
        }' "$1"
}

test_unit()
{
    local program ran=
    for program in "$root"/build/dev/tests/test_*; do
        [ -f "tests/unit/${program##*/}.c" ] || continue # its source is gone
        [ -z "$name" ] || [ "${program##*/}" = "test_$name" ] || continue
        ran=1
        CMOCKA_MESSAGE_OUTPUT=TAP test_program "unit ${program##*/test_}" 600 "$program"
    done
    [ -n "$ran" ] || say "unit: no tests${name:+ named $name}"
}

# What tests/system needs from npm, exactly as its lock file says.
tests_npm()
{
    local dir=tests/system
    [ -f $dir/package-lock.json ] || return 0
    [ $dir/node_modules/.package-lock.json -nt $dir/package-lock.json ] && return
    say "Installing the npm packages of $dir."
    tests_out=$root/var/log/npm.log
    # the system's certificates too: some networks have one of their own
    export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
    if run_bounded 300 npm --prefix $dir ci --ignore-scripts --prefer-offline --no-audit --no-fund; then
        touch $dir/node_modules/.package-lock.json
    else # what does without them is tested all the same
        failed=$((failed + 1))
        tail -n 30 "$tests_out" | sed 's/^/    /'
        say "npm could not install them; all it said is in $tests_out"
    fi
}

# The bot's own specs, and those of the examples.
test_specs()
{
    local dir file label ran=
    for dir in . docs/examples/*/; do
        for file in "${dir%/}"/spec/*_spec.lua; do
            label=${file##*/}
            label=${label%_spec.lua}
            [ -f "$file" ] || continue
            [ -z "$name" ] || [ "$label" = "$name" ] || continue
            ran=1
            [ "$dir" = . ] || label="$(basename "$dir") $label"
            DATABASE_URL=$MOONPOST_TEST_DATABASE_URL \
                test_program "specs $label" 600 "$MOONPOST" test "$dir" "$file" --tap
        done
    done
    [ -n "$ran" ] || say "specs: no specs${name:+ named $name}"
}

test_node() # scripts|system
{
    local file label ran=
    for file in "tests/$1"/*.test.mjs; do
        label=${file##*/}
        label=${label%.test.mjs}
        [ -f "$file" ] || continue
        [ -z "$name" ] || [ "$label" = "$name" ] || continue
        ran=1
        test_program "$1 $label" $((${MOONPOST_TEST_SLOW:-0} ? 1800 : 600)) node --test-reporter=tap "$file"
    done
    [ -n "$ran" ] || say "$1: no tests${name:+ named $name}"
}

# The system tests against a program that is valgrind with ours in it. A report
# fails that process (status 99) and is shown at the end in any case.
test_valgrind()
{
    local logs=$root/var/log/valgrind log
    rm -rf "$logs"
    mkdir -p "$logs"
    MOONPOST=$tests_tmp/moonpost
    cat >"$MOONPOST" <<END
#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible \\
    --errors-for-leak-kinds=definite,indirect --log-file='$logs/%p.log' '$root/build/release/moonpost' "\$@"
END
    chmod +x "$MOONPOST"
    ln -s "$root/build/dev/tests" "$tests_tmp/tests" # helpers stand beside it
    export MOONPOST_TEST_SLOW=20 # times that everything takes longer
    test_node system
    for log in "$logs"/*.log; do
        if [ -s "$log" ]; then
            sed 's/^/    /' "$log"
            failed=$((failed + 1))
        elif [ -f "$log" ]; then
            passed=$((passed + 1))
        fi
    done
    say "valgrind: $(find "$logs" -name '*.log' | wc -l) processes, $(find "$logs" -name '*.log' -size +0 | wc -l) with reports"
}

# style_check LABEL COMMAND…: one check, failed when COMMAND fails.
style_check()
{
    local label=$1
    shift
    tests_out=$root/var/log/test-style.log
    if "$@" </dev/null >"$tests_out" 2>&1; then
        passed=$((passed + 1))
        printf '%-28s %4d passed\n' "style $label" 1
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$tests_out"
        printf '%-28s %4d failed\n' "style $label" 1
    fi
}

# The project's files: what git knows or would add, else what is there.
project_files()
{
    git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" 2>/dev/null |
        while IFS= read -r file; do
            [ ! -f "$file" ] || printf '%s\n' "$file"
        done
}

test_style()
{
    local files version
    mapfile -t files < <(project_files 'core/*.[ch]' 'tests/*.[ch]')
    version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
    if [ "$version" != 14 ]; then # others differ in small things
        say "style clang-format: skipped, it is for version 14 and here is $version"
    elif [ ${#files[@]} -gt 0 ]; then
        style_check clang-format clang-format --dry-run -Werror --ferror-limit=20 "${files[@]}"
    fi
    mapfile -t files < <(project_files 'core/*.lua' 'docs/*.lua' 'scripts/*.lua' 'defaults/*.lua' 'locales/*.lua' 'migrations/*.lua' 'tests/*.lua')
    # what moonpost new writes is checked where it has written it
    [ ${#files[@]} -eq 0 ] || style_check luacheck luacheck --quiet --no-color "${files[@]}" \
        --exclude-files 'core/commands/template/**'
    style_check paths style_paths
    mapfile -t files < <(project_files bin .ci)
    style_check shell style_shell "${files[@]}"
}

# Nothing may know where it lies on somebody's machine.
style_paths()
{
    local found
    found=$(project_files . | grep -v '/package-lock.json$' |
        xargs -d '\n' grep -nIE -e '/home/[a-z]|/Users/[A-Za-z]' -e "$root/" -- |
        grep -v '^bin/lib/tests.sh:')
    [ -z "$found" ] || printf '%s\n' "$found"
    [ -z "$found" ]
}

style_shell()
{
    local file status=0
    for file; do
        case $(head -n 1 "$file") in
        '#!/bin/sh'*) sh -n "$file" || status=1 ;;
        '#!'*bash* | '# shellcheck shell=bash'*) bash -n "$file" || status=1 ;;
        esac
    done
    return $status
}

test_tidy()
{
    local file
    tests_out=$root/var/log/test-tidy.log
    for file in core/*/*.c; do
        progress "tidy $file"
        if run_bounded 120 clang-tidy --quiet --warnings-as-errors='*' -p build/dev "$file"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            progress_end
            sed 's/^/    /' "$tests_out"
            say "tidy $file: failed"
        fi
    done
    progress_end
}

# Each target for its share of the time. What it found before stays in
# var/fuzz; tests/fuzz/corpus_NAME holds the cases to begin with.
test_fuzz() # SECONDS
{
    local targets=(build/fuzz/tests/fuzz_*[a-z]) target each corpus cases
    each=$(($1 / ${#targets[@]} + 1))
    for target in "${targets[@]}"; do
        [ -x "$target" ] || continue
        corpus=$root/var/fuzz/${target##*/}
        mkdir -p "$corpus"
        tests_out=$root/var/log/test-${target##*/}.log
        set -- "$corpus"
        cases=tests/fuzz/corpus_${target##*/fuzz_}
        [ ! -d "$cases" ] || set -- "$@" "$cases"
        if run_bounded $((each + 60)) "$target" -max_total_time="$each" \
            -artifact_prefix="$corpus-" "$@"; then
            passed=$((passed + 1))
            say "fuzz ${target##*/fuzz_}: $(grep -o '^Done.*' "$tests_out")"
        else
            failed=$((failed + 1))
            tail -n 40 "$tests_out" | sed 's/^/    /'
            say "fuzz ${target##*/fuzz_}: failed"
        fi
    done
}
