# SPDX-License-Identifier: MIT
test_scripts += %D%/tables.sh
EXTRA_DIST += %D%/read_backup.py %D%/read_sst.py %D%/xxh3.py
