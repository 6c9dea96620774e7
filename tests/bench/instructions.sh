#!/usr/bin/env bash
# instructions: instructions.py as a test of the suite. Were .py one of the suite's extensions, make would take
# conformance.py for the test that conformance.sh is.
set -euo pipefail

exec python3 "$(dirname "${BASH_SOURCE[0]}")/instructions.py" "$@"
