# SPDX-License-Identifier: MIT
test_scripts += %D%/backup.sh %D%/client.sh %D%/daemon.sh %D%/fsck.sh \
	%D%/fsbench.sh %D%/kvbench.sh
EXTRA_DIST += %D%/cli_lib.sh
