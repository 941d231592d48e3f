/* SPDX-License-Identifier: MIT */
/*
 * Every code that a ttrunks function can return, in one table.
 *
 * Functions return an int: < 0 failed, 0 done, > 0 an answer that is not a
 * failure. Failures are -errno (-ENOSPC, -EIO, …) or one of the private codes
 * below, which carry the errno class that a caller who only knows errno should
 * see.
 */
#ifndef TT_ERRORS_H
#define TT_ERRORS_H

#include <errno.h>

/* clang-format off */
/* X(name, value, errno class, text) */
#define TT_ERRORS(X) \
	X(TT_ECORRUPT,   -2001, EIO,       "stored data failed verification") \
	X(TT_ESTALE,     -2002, EBUSY,     "snapshot or cursor has been released") \
	X(TT_ELOCKED,    -2003, EBUSY,     "store is in use by another process") \
	X(TT_ENOSTORE,   -2004, ENOENT,    "no store here") \
	X(TT_EFOREIGN,   -2005, EINVAL,    "directory is not a ttrunks store") \
	X(TT_EVERSION,   -2006, EINVAL,    "unknown format version") \
	X(TT_EOPTION,    -2007, EINVAL,    "invalid option") \
	X(TT_EKEY,       -2008, EINVAL,    "invalid key") \
	X(TT_ETOOBIG,    -2009, EFBIG,     "key, value or batch over the limit") \
	X(TT_EREADONLY,  -2010, EROFS,     "store is open read-only") \
	X(TT_ECLOSED,    -2011, ESHUTDOWN, "store is shutting down") \
	X(TT_EPOISONED,  -2012, EIO,       "an earlier write or fsync failed; writes are refused") \
	X(TT_ECONFLICT,  -2013, EEXIST,    "condition of the write does not hold") \
	X(TT_EUNSUPPORTED, -2014, EOPNOTSUPP, "not supported") \
	X(TT_ETOOOLD,    -2015, EINVAL,    "history does not go back so far") \
	X(TT_EMERGE,     -2016, EINVAL,    "the store's merge function is not registered")
/* clang-format on */

#define TT_ERRORS_ENUM_(name, value, class, text) name = (value),
enum tt_error { TT_ERRORS(TT_ERRORS_ENUM_) };
#undef TT_ERRORS_ENUM_

/* Answers. */
enum tt_answer {
	TT_NOTFOUND = 1, /* the key has no value at this snapshot */
	TT_END = 2,	 /* the iterator is past its last or before its first */
};

#endif
