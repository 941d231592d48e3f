# SPDX-License-Identifier: MIT
test_scripts += \
	%D%/format.sh \
	%D%/layering.sh \
	%D%/linkage.sh \
	%D%/man.sh \
	%D%/selftest.sh \
	%D%/settings.sh \
	%D%/shell.sh

check_PROGRAMS += %D%/print_settings

EXTRA_DIST += \
	%D%/c_rules.awk \
	%D%/rules.sh
