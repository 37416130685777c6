#!/usr/bin/env bash
# Hostile files, kills, and failing calls, in under twenty minutes: each prints what is wrong, and all must print nothing.
#
#     PYTHON=python3 Tests/suites/hard/run.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=${PYTHON:-python3}
wrong=0
"$python" files.py || wrong=1
"$python" kills.py --kills "${KILLS:-300}" || wrong=1
"$python" faults.py --most "${CALLS:-6}" || wrong=1
exit $wrong
