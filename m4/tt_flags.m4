# SPDX-License-Identifier: MIT

# TT_CHECK_CFLAGS(VARIABLE, FLAGS)
# Append to VARIABLE each of FLAGS that the compiler takes without a word.
AC_DEFUN([TT_CHECK_CFLAGS], [
for tt_flag in $2; do
  AC_MSG_CHECKING([whether $CC takes $tt_flag])
  tt_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $tt_flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[]])],
    [AC_MSG_RESULT([yes])
     $1="$$1 $tt_flag"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$tt_save_CFLAGS
done
])

# TT_CHECK_LDFLAGS(VARIABLE, FLAGS)
# The same for flags of the linker.
AC_DEFUN([TT_CHECK_LDFLAGS], [
for tt_flag in $2; do
  AC_MSG_CHECKING([whether the linker takes $tt_flag])
  tt_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $tt_flag"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
    [AC_MSG_RESULT([yes])
     $1="$$1 $tt_flag"],
    [AC_MSG_RESULT([no])])
  LDFLAGS=$tt_save_LDFLAGS
done
])

# TT_REQUIRE_FLAGS(VARIABLE, FLAGS)
# Set VARIABLE to FLAGS, or stop where a program cannot be linked with them.
AC_DEFUN([TT_REQUIRE_FLAGS], [
AC_MSG_CHECKING([whether $CC links with $2])
tt_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[]], [[]])],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([the compiler cannot link with $2])])
CFLAGS=$tt_save_CFLAGS
$1="$2"
])
