#!/bin/sh
# browser/run: the demo's pages in a headless Chromium; see pages.mjs. The last line counts.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/../interop/server.sh"

# The demo's ticker in two versions, for the page under which the one becomes the other.
builds_versions()
{
    for version in 1 2; do
        sed -e "s/VERSION \"1\"/VERSION \"$version\"/" -e "s/SAYS    .*/SAYS \"Second.\"/" \
            "$top/consumers/ticker.c" >"$work/ticker.c"
        cc -shared -fPIC -I"$top/include" -o "$work/ticker-$version.so" "$work/ticker.c" || return
    done
    ! cmp -s "$work/ticker-1.so" "$work/ticker-2.so"
}

need chromium cc
server_prepare </dev/null
builds_versions || exit 1
node_packages || check "npm's packages are there" false

SLUICE="$SLUICE" SLUICE_DIR="$work" SLUICE_PORT="$port" node "$top/tests/browser/${1:-pages.mjs}" \
    "$top/docs/chat.png"
