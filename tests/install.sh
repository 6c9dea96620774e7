#!/usr/bin/env bash
# install: what a distribution does with a release, from configure to uninstall.
#
# Builds a copy of the sources as `make dist` packs them, with Debian's hardening flags and the strictest
# ones that programs are linked with, which consumers must do without; installs it, lets the installed
# program load the installed consumers, builds the test that the installed header shows with the command
# that stands there, and takes everything out again.
set -euo pipefail

tmp=$(mktemp -d)
cleanup() {
    chmod -R u+w "$tmp"
    rm -rf "$tmp"
}
trap cleanup EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR

passed=0
failed=0
verdict() { # NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok: $name"
    else
        failed=$((failed + 1))
        printf 'FAIL: %s\n%s\n' "$name" "$output"
    fi
}

finish() {
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}

need() { # NAME COMMAND...: without it there is nothing further to try
    local before=$failed
    verdict "$@"
    ((failed == before)) || finish
}

hardening_flags() {
    if command -v dpkg-buildflags >/dev/null; then
        eval "$(DEB_BUILD_MAINT_OPTIONS='hardening=+all optimize=+lto' dpkg-buildflags --export=sh)"
    fi
    export CFLAGS="${CFLAGS:--g -O2} -fPIE"
    export CXXFLAGS="${CXXFLAGS:--g -O2} -fPIE"
    export LDFLAGS="${LDFLAGS:-} -pie -Wl,-z,defs"
}

# All that is missing is named in one run, by package.
configure_names_what_is_missing() {
    local output
    mkdir "$tmp/missing"
    cd "$tmp/missing"
    if output=$(PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=/nonexistent "$tmp/src/configure" -q 2>&1); then
        echo "configure found what is not there"
        return 1
    fi
    grep -F 'apt-get install libevent-dev libjson-c-dev libssl-dev zlib1g-dev check' <<<"$output" || {
        echo "$output"
        return 1
    }
}

build_hardened() (
    mkdir "$tmp/build"
    cd "$tmp/build"
    hardening_flags
    "$tmp/src/configure" -q --prefix="$tmp/usr" --disable-tests &&
        make -s -j2
)

is_hardened() {
    readelf -h "$tmp/build/sluice" | grep -E 'Type: +DYN' &&
        readelf -d "$tmp/build/sluice" | grep -E 'FLAGS_1.*NOW.*PIE'
}

installed_files() { # ROOT
    (cd "$1" && find . -type f -o -type l) | LC_ALL=C sort
}

install_has_its_files() {
    make -s -C "$tmp/build" install
    local file
    for file in bin/sluice include/sluice/sluice.h include/sluice/testing.h \
        lib/pkgconfig/sluice.pc lib/pkgconfig/sluice-testing.pc lib/libsluice-testing.a lib/sluice/echo.so \
        lib/sluice/chat.so share/sluice/routing.conf share/sluice/pages/chat.html lib/sluice/ticker.so share/doc/sluice/LICENSE \
        share/doc/sluice/docs/limits.md share/man/man1/sluice.1 share/man/man5/routing.conf.5 \
        share/man/man7/sluice-consumer.7 share/bash-completion/completions/sluice \
        lib/systemd/system/sluice.service; do
        [[ -f $tmp/usr/$file ]] || {
            echo "$file is not there"
            return 1
        }
    done
}

destdir_has_the_same() {
    make -s -C "$tmp/build" install DESTDIR="$tmp/staged"
    diff <(installed_files "$tmp/usr") <(installed_files "$tmp/staged$tmp/usr")
}

# The installed table stands beside its pages, and says where its consumers are.
installed_table_is_good() {
    "$tmp/usr/bin/sluice" check -c "$tmp/usr/share/sluice/routing.conf"
}

# What is installed names what is installed.
unit_names_the_program() {
    local unit=$tmp/usr/lib/systemd/system/sluice.service
    grep -Fx "ExecStart=$tmp/usr/bin/sluice run -c $tmp/usr/etc/sluice/routing.conf" "$unit" &&
        grep -Fx "ExecReload=$tmp/usr/bin/sluice reload -c $tmp/usr/etc/sluice/routing.conf" "$unit"
}

says_its_version() {
    [[ $("$tmp/usr/bin/sluice" --version) == "sluice $(PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig \
        pkg-config --modversion sluice)"* ]]
}

# The example and the command of testing.h, word by word.
example_of() { # HEADER
    cat <<'TEXT'
#include <check.h>
#include <sluice/testing.h>

START_TEST(example)
{
TEXT
    sed -n '/^ \*  *sluice_test  *\*test/,/sluice_test_close(test);/s/^ \*//p' "$1"
    cat <<'TEXT'
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat");
    TCase *tcase = tcase_create("chat");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, example);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
TEXT
}

header_example_runs() { # ROOT
    local header=$1$tmp/usr/include/sluice/testing.h command
    local -x PKG_CONFIG_SYSROOT_DIR=$1 PKG_CONFIG_PATH=$1$tmp/usr/lib/pkgconfig
    pkg-config --exists check || {
        echo "Check is not there: left out"
        return 0
    }
    rm -rf "$tmp/example"
    mkdir "$tmp/example"
    cd "$tmp/example"
    example_of "$header" >chat_test.c
    command=$(sed -n 's/^ \* Build it with  *\(cc .*\)$/\1/p' "$header")
    echo "$command"
    [[ $command == *chat_test.c ]]
    bash -ec "${command/#cc/${CC:-cc} -Wall -Wextra -Werror}"
    cp "$1$tmp/usr/lib/sluice/chat.so" .
    ./chat_test
}

# What stands in docs/consumers.md.
guide_example_runs() {
    local -x PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig
    pkg-config --exists check || {
        echo "Check is not there: left out"
        return 0
    }
    cd "$tmp/example"
    awk '$0 == "<!-- testing: chat_test.c -->" { found = 1; next }
        found && /^```/ { if (inside) exit; inside = 1; next }
        inside' "$tmp/usr/share/doc/sluice/docs/consumers.md" >guide_test.c
    # shellcheck disable=SC2046  # flags are words
    ${CC:-cc} -Wall -Wextra -Werror $(pkg-config --cflags --libs sluice-testing check) -o guide_test guide_test.c
    ./guide_test
}

# Without Check, and in C++; what the runtime calls its functions is nobody's business.
library_leaves_names_alone() {
    local -x PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig
    cd "$tmp"
    cat >own.cc <<'TEXT'
#include <sluice/testing.h>

extern "C" bool conn_close() { return true; }
extern "C" bool log_write() { return true; }

int main()
{
    sluice_test *test = sluice_test_open("");
    bool refused = sluice_test_status(sluice_test_connect(test, "/")) == 404;

    sluice_test_close(test);
    return conn_close() && log_write() && refused ? 0 : 1;
}
TEXT
    # shellcheck disable=SC2046  # flags are words
    ${CXX:-c++} -Wall -Wextra -Werror $(pkg-config --cflags --libs sluice-testing) -o own own.cc
    ./own
}

uninstall_leaves_nothing() {
    make -s -C "$tmp/build" uninstall
    [[ -z $(installed_files "$tmp/usr") ]] || {
        installed_files "$tmp/usr"
        return 1
    }
}

need "the sources pack" make -s distdir distdir="$tmp/src"
verdict "configure names what is missing" configure_names_what_is_missing
need "builds with hardening flags" build_hardened
verdict "the program is hardened" is_hardened
need "make install puts all in place" install_has_its_files
verdict "DESTDIR puts the same elsewhere" destdir_has_the_same
verdict "the installed table is good" installed_table_is_good
verdict "the unit names the installed program" unit_names_the_program
verdict "--version" says_its_version
verdict "the example of testing.h" header_example_runs ""
verdict "the example of testing.h, of a staged tree" header_example_runs "$tmp/staged"
verdict "the example of docs/consumers.md" guide_example_runs
verdict "a test in C++, with names of its own" library_leaves_names_alone
verdict "make uninstall leaves nothing" uninstall_leaves_nothing
finish
