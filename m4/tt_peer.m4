# SPDX-License-Identifier: MIT

# TT_PEER(NAME, HEADER, LIBRARY, FUNCTION)
# Look for an engine that benchmarks compare with; without it they are built
# all the same. Defines HAVE_NAME and the conditional WITH_NAME, and adds the
# library to the shell variable tt_peers.
AC_DEFUN([TT_PEER], [
tt_have_peer=no
AS_IF([test "x$enable_peers" = xyes],
  [AC_CHECK_HEADER([$2],
     [AC_CHECK_LIB([$3], [$4], [tt_have_peer=yes])])])
AS_IF([test $tt_have_peer = yes],
  [AC_DEFINE([HAVE_$1], [1], [Define where kvbench can compare with $3.])
   tt_peers="$tt_peers $3"])
AM_CONDITIONAL([WITH_$1], [test $tt_have_peer = yes])
])
