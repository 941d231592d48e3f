# SPDX-License-Identifier: MIT
EXTRA_DIST += \
	%D%/LOCKING.md \
	%D%/TESTING.md
