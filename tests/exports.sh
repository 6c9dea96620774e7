#!/usr/bin/env bash
# exports: consumers find every function of sluice.h in the program, and nothing else of it.
#
# The linker takes from an archive only what somebody asks for, and the program never asks for most of
# the public functions; a consumer would then fail with "undefined symbol". And what the program exports
# beyond them would take the place of a consumer's own functions of that name.
set -euo pipefail

header=${srcdir:-.}/include/sluice/sluice.h
passed=0
failed=0

# Functions alone: a typedef names no symbol, and a callback's field is (*name)(...).
declared() {
    ${CC:-cc} -E -P "$header" | tr '\n' ' ' | tr ';{}' '\n' | grep -v typedef |
        grep -oE '\bsluice_[a-z0-9_]+ *\(' | tr -d ' (' | LC_ALL=C sort -u
}

# What is copied in from libc has a version (stderr@GLIBC_2.2.5). A sanitizer exports its own functions.
exported() {
    nm -D --defined-only ./sluice | awk '{ print $NF }' | grep -v @ |
        if [[ -n ${SANITIZE:-} ]]; then grep '^sluice_'; else cat; fi | LC_ALL=C sort -u
}

verdict() { # NAME UNWANTED
    if [[ -z $2 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL: %s:\n%s\n' "$1" "$2"
    fi
}

functions=$(declared)
symbols=$(exported)
verdict "sluice.h declares functions" "$([[ $functions == *sluice_accept* ]] || echo none)"
verdict "declared in sluice.h, not exported by the program" \
    "$(comm -23 <(echo "$functions") <(echo "$symbols"))"
verdict "exported by the program, not declared in sluice.h" \
    "$(comm -13 <(echo "$functions") <(echo "$symbols"))"
echo "$passed passed, $failed failed"
((failed == 0))
