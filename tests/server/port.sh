#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
command -v python3 >/dev/null || {
	echo "1..0 # SKIP no python3"
	exit 0
}
PYTHONDONTWRITEBYTECODE=1 exec python3 "$TT_SRCDIR/tests/server/port_test.py"
