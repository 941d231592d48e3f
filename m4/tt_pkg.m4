# SPDX-License-Identifier: MIT

# TT_PKG(PREFIX, MODULE, DEBIAN-PACKAGE)
# Require a pkg-config module; where it is missing, say what to install.
AC_DEFUN([TT_PKG], [
PKG_CHECK_MODULES([$1], [$2], [],
  [AC_MSG_ERROR([$2 not found; on Debian: apt-get install $3])])
])
