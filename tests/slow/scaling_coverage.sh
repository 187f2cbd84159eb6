#!/bin/bash
# scaling_coverage.sh - 95 % intervals of scaling fits hold the truth in 93 to 97 of 100 known laws.
set -e
build=$(dirname "$(readlink -f "$1")")
cmake --build "$build" --target coverage_scaling >/dev/null
"$build/tests/coverage_scaling" 1000 10 4000
