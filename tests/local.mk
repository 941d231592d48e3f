# SPDX-License-Identifier: MIT
EXTRA_DIST += %D%/environment.sh %D%/tap.sh

include tests/support/local.mk
include tests/unit/local.mk
include tests/api/local.mk
include tests/model/local.mk
include tests/crash/local.mk
include tests/tree/local.mk
include tests/mount/local.mk
include tests/server/local.mk
include tests/cli/local.mk
include tests/fuzz/local.mk
include tests/format/local.mk
include tests/golden/local.mk
include tests/lint/local.mk
