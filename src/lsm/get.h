/* SPDX-License-Identifier: MIT */
/*
 * Point reads within one superversion, for those who read several keys as of
 * one moment. Thread-safe.
 */
#ifndef LSM_GET_H
#define LSM_GET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ttrunks.h"

struct superversion;
struct tt;

/* The moment that the options name. Taken after the superversion (get.c says
 * why); TT_ETOOOLD when that no longer has it. */
int get_ts(struct tt *db, const struct superversion *sv,
	   const struct tt_read_options *ro, int64_t *out);

/* tt_get_pinned() in a superversion that the caller has a reference to. */
int get_pinned(struct tt *db, const struct superversion *sv,
	       struct tt_slice key, int64_t as_of, bool no_fill,
	       struct tt_pinned *out);

/*
 * The same in two steps, for who has several to read: *is_pointer says that
 * out->value is a pointer (value_format.h), which get_separated() replaces by
 * the value that it stands for. When that fails there is nothing to unpin.
 */
int get_pinned_record(struct tt *db, const struct superversion *sv,
		      struct tt_slice key, int64_t as_of, bool no_fill,
		      struct tt_pinned *out, bool *is_pointer);
int get_separated(struct tt *db, struct tt_slice key, struct tt_pinned *out);

/* With the option verify, which is set (get_verified.c): tt_get_pinned() and
 * tt_multi_get(). */
int get_verified(struct tt *db, const struct tt_read_options *ro,
		 struct tt_slice key, struct tt_pinned *out);
int get_verified_all(struct tt *db, const struct tt_read_options *ro,
		     const struct tt_slice *keys, size_t n,
		     struct tt_pinned *values, int *statuses);

#endif
