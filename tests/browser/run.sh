#!/bin/sh
# browser/run: the demo's pages in a headless Chromium; see pages.mjs. The last line counts.
# shellcheck source=tests/interop/server.sh
. "$(dirname "$0")/../interop/server.sh"

need chromium
server_prepare </dev/null
node_packages || check "npm's packages are there" false

SLUICE="$SLUICE" SLUICE_DIR="$work" SLUICE_PORT="$port" node "$top/tests/browser/${1:-pages.mjs}" \
    "$top/docs/chat.png"
