#!/bin/bash
# The long form of tests/integration/exactly_once_test.sh: 40 kills, or as many as are asked
# for. About 10 s each.
exec "$(dirname "${BASH_SOURCE[0]}")/integration/exactly_once_test.sh" "${1:-40}"
