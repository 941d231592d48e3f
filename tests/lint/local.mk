# SPDX-License-Identifier: MIT
test_scripts += \
	%D%/format.sh \
	%D%/layering.sh \
	%D%/linkage.sh \
	%D%/man.sh \
	%D%/selftest.sh \
	%D%/shell.sh

EXTRA_DIST += \
	%D%/c_rules.awk \
	%D%/rules.sh
