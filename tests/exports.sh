#!/usr/bin/env bash
# exports: consumers find every function of sluice.h in the program, and nothing else of it; tests find
# those of testing.h, too, in the library, which leaves every other name to them.
#
# The linker takes from an archive only what somebody asks for, and the program never asks for most of
# the public functions; a consumer would then fail with "undefined symbol". And what the program exports
# beyond them would take the place of a consumer's own functions of that name.
set -euo pipefail

headers=${srcdir:-.}/include/sluice
passed=0
failed=0

# Functions alone: a typedef names no symbol, and a callback's field is (*name)(...).
declared() { # HEADER
    ${CC:-cc} -E -P -I"$headers/.." "$headers/$1" | tr '\n' ' ' | tr ';{}' '\n' | grep -v typedef |
        grep -oE '\bsluice_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u
}

# What is copied in from libc has a version (stderr@GLIBC_2.2.5). A sanitizer exports its own functions.
exported() {
    nm -D --defined-only ./sluice | awk '{ print $NF }' | grep -v @ |
        if [[ -n ${SANITIZE:-} ]]; then grep '^sluice_'; else cat; fi | LC_ALL=C sort -u
}

# The sanitizers' own symbols are theirs to name.
of_library() {
    nm -g --defined-only libsluice-testing.a | awk 'NF == 3 { print $NF }' | grep -v '^_*[a-z]*san_' |
        LC_ALL=C sort -u
}

verdict() { # NAME UNWANTED
    if [[ -z $2 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL: %s:\n%s\n' "$1" "$2"
    fi
}

functions=$(declared sluice.h)
symbols=$(exported)
verdict "sluice.h declares functions" "$([[ $functions == *sluice_accept* ]] || echo none)"
verdict "declared in sluice.h, not exported by the program" \
    "$(comm -23 <(echo "$functions") <(echo "$symbols"))"
verdict "exported by the program, not declared in sluice.h" \
    "$(comm -13 <(echo "$functions") <(echo "$symbols"))"
functions=$(declared testing.h)
symbols=$(of_library)
verdict "testing.h declares functions" "$([[ $functions == *sluice_test_open* ]] || echo none)"
verdict "declared in testing.h, not in the library" "$(comm -23 <(echo "$functions") <(echo "$symbols"))"
verdict "in the library, not declared in testing.h" "$(comm -13 <(echo "$functions") <(echo "$symbols"))"
echo "$passed passed, $failed failed"
((failed == 0))
