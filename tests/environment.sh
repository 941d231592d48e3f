# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What every test finds in its environment. Sourced by `make check` with
# TT_SRCDIR, TT_BUILDDIR and TT_WITH_FUSE set; to run one test by hand, set
# the first two and source it too.

PATH=$TT_BUILDDIR:$PATH
LC_ALL=C.UTF-8
export TT_SRCDIR TT_BUILDDIR PATH LC_ALL

# No setting of the person who runs the tests may reach them.
for name in $(env | sed -n 's/^\(TTRUNKSDB_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done

# TT_HAVE_FUSE=1 promises that a mount can work here. TT_NO_FUSE_WHY is the
# reason to skip with where it cannot.
TT_HAVE_FUSE=
TT_NO_FUSE_WHY=
if [ "${TT_WITH_FUSE:-yes}" != yes ]; then
	TT_NO_FUSE_WHY='configured with --disable-fuse'
elif [ ! -e /dev/fuse ]; then
	TT_NO_FUSE_WHY='no /dev/fuse on this machine'
elif ! (: <>/dev/fuse) 2>/dev/null; then
	TT_NO_FUSE_WHY='/dev/fuse cannot be opened'
elif [ "$(id -u)" != 0 ] && ! command -v fusermount3 >/dev/null; then
	TT_NO_FUSE_WHY='neither root nor fusermount3 to mount with'
else
	TT_HAVE_FUSE=1
fi
export TT_HAVE_FUSE TT_NO_FUSE_WHY

# libcheck's own limit is four seconds, which a busy machine reaches.
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT-300}
TT_TEST_SCALE=${TT_TEST_SCALE-1}
export CK_DEFAULT_TIMEOUT TT_TEST_SCALE

ASAN_OPTIONS=${ASAN_OPTIONS-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1:halt_on_error=1}
TSAN_OPTIONS=${TSAN_OPTIONS-halt_on_error=1:second_deadlock_stack=1:history_size=4}
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
