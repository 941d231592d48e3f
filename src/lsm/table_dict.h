/* SPDX-License-Identifier: MIT */
/*
 * The dictionary of a table being built. The first blocks wait, raw, until
 * they are enough of a sample (or the table ends); then a dictionary is made
 * of them, kept if it saves more than it takes, and they are stored with it,
 * as are all that follow.
 *
 * One thread at a time, that of the table's writer.
 */
#ifndef LSM_TABLE_DICT_H
#define LSM_TABLE_DICT_H

#include <stdbool.h>

#include "base/buf.h"
#include "lsm/block_writer.h"
#include "lsm/sst_format.h"

struct table_dict {
	bool is_wanted;	  /* else nothing of this happens */
	bool is_settled;  /* whether there is one is decided */
	struct buf raw;	  /* the blocks that wait, back to back */
	struct buf lens;  /* size_t, one a block */
	struct buf bytes; /* the dictionary; empty: none */
	struct compress_dict *dict;
};

void table_dict_fini(struct table_dict *d);
/* For the next table; keeps the memory. */
void table_dict_reset(struct table_dict *d);

/* True when finished blocks wait. */
static inline bool table_dict_is_open(const struct table_dict *d)
{
	return d->is_wanted && !d->is_settled;
}

/* Takes the open block of `w`, to wait; *out as block_writer_put_off(). 1 when
 * it is time to settle, 0 when not, or -ENOMEM. */
int table_dict_wait(struct table_dict *d, struct block_writer *w,
		    struct block_done *out);

/* Decides, and stores the blocks that wait; the last of the `n` entries are
 * theirs. */
int table_dict_settle(struct table_dict *d, struct block_writer *w,
		      struct sst_block_entry *entries, size_t n);

/* Where the fields of a stored block go. */
void table_dict_fill_entry(struct sst_block_entry *e,
			   const struct block_done *d);

#endif
