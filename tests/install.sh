#!/usr/bin/env bash
# install: what a distribution does with a release, from configure to uninstall.
#
# Builds a copy of the sources as `make dist` packs them, with Debian's hardening flags and the strictest
# ones that programs are linked with, which consumers must do without; installs it, lets the installed
# program load the installed consumers, and takes everything out again.
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
    for file in bin/sluice include/sluice/sluice.h lib/pkgconfig/sluice.pc lib/sluice/echo.so \
        lib/sluice/chat.so share/sluice/routing.conf share/sluice/pages/chat.html lib/sluice/ticker.so share/doc/sluice/LICENSE \
        share/doc/sluice/docs/limits.md; do
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

says_its_version() {
    [[ $("$tmp/usr/bin/sluice" --version) == "sluice $(PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig \
        pkg-config --modversion sluice)"* ]]
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
verdict "--version" says_its_version
verdict "make uninstall leaves nothing" uninstall_leaves_nothing
finish
