/* SPDX-License-Identifier: MIT */
/*
 * Range tombstones on their way into the tables of one run: each in its turn
 * becomes a record of the table being written, and where that table ends, what
 * reaches beyond is cut off and goes on in the next. So no table of a run
 * reaches into the next one, whatever is deleted.
 *
 * One thread at a time.
 */
#ifndef LSM_RANGE_CUT_H
#define LSM_RANGE_CUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "lsm/range_set.h"

struct range_cut {
	const struct range_del *dels; /* kept; those to come begin at `at` */
	size_t n, at;
	/* What goes on behind the last cut, all of it from there, newest first:
	 * struct range_del; from number carried_at on they are to come. */
	struct buf carried;
	size_t carried_at;
	/* Of the table being written: struct range_del. */
	struct buf current;
	/* The keys at which carried and current ones begin. */
	struct buf starts[2];
	unsigned which; /* the one of `carried` */
};

/* `dels` sorted by range_del_cmp(); those of equal times do not overlap. */
void range_cut_init(struct range_cut *c, const struct range_del *dels,
		    size_t n);
void range_cut_fini(struct range_cut *c);

/* The next to become a record, NULL when all have. Valid until the next
 * call. *is_carried: it goes on from another table. */
const struct range_del *range_cut_next(const struct range_cut *c,
				       bool *is_carried);

/* The next one is in the table now. -ENOMEM leaves it as it was. */
int range_cut_take(struct range_cut *c);

/* True when one of the table reaches beyond `key`. */
bool range_cut_goes_beyond(const struct range_cut *c, struct tt_slice key);

/*
 * The table ends, and `next`, behind the starts of all that it has, is where the
 * next one begins at the earliest; empty: nothing comes behind it. *out are its
 * range tombstones, cut; valid until the next call. -ENOMEM.
 */
int range_cut_end(struct range_cut *c, struct tt_slice next,
		  const struct range_del **out, size_t *n_out);

#endif
