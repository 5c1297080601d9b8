#!/bin/bash
# No folder includes one that is not below it: see tests/layers.py.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." && tests/layers.py
