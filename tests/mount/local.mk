# SPDX-License-Identifier: MIT
# Real mounts; each script skips itself where FUSE is missing.
test_scripts += \
	%D%/apps.sh \
	%D%/coherence.sh \
	%D%/copies.sh \
	%D%/faces.sh \
	%D%/hammer.sh \
	%D%/kill.sh \
	%D%/life.sh \
	%D%/posix.sh \
	%D%/requests.sh \
	%D%/requests_least.sh \
	%D%/scale.sh \
	%D%/start.sh \
	%D%/user.sh

EXTRA_DIST += \
	%D%/apps/coreutils.sh \
	%D%/apps/editors.sh \
	%D%/apps/git.sh \
	%D%/apps/make.sh \
	%D%/apps/postgres.sh \
	%D%/apps/redis.py \
	%D%/apps/redis.sh \
	%D%/apps/rsync.sh \
	%D%/apps/sqlite.py \
	%D%/apps/sqlite.sh \
	%D%/apps/tar.sh \
	%D%/coherence.py \
	%D%/faces.py \
	%D%/hammer.py \
	%D%/kill.py \
	%D%/lib.sh \
	%D%/port.py \
	%D%/posix.py \
	%D%/requests.py \
	%D%/scale.py \
	%D%/tap.py
