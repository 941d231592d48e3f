/* SPDX-License-Identifier: MIT */
/*
 * Inside of an open table, shared by sst_reader.c, sst_iter.c and
 * sst_verify.c alone.
 */
#ifndef LSM_SST_READER_IMPL_H
#define LSM_SST_READER_IMPL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/direct.h"
#include "base/pages.h"
#include "lsm/filter.h"
#include "lsm/sst_index.h"
#include "lsm/sst_reader.h"

struct sst_reader {
	/* set in sst_open(), then constant; what a miss reads first */
	struct filter filter;
	const struct range_set *ranges; /* the index's; NULL: none */
	struct sst_index index;
	uint64_t file_no;
	struct env *env;
	struct env_file *file;
	struct compress_dict *dict; /* owned; NULL: none */
	struct pages pages;	    /* owned; in them: */
	uint8_t *header; /* the file up to its data, moved so that the
			     * filter's lines are 64-aligned */
	uint64_t header_len;
	uint64_t filter_len;
	uint64_t file_bytes;
	char *path; /* owned */

	/* Added to by who has a reference; the release of the last
	 * decrement is acquired by who closes. */
	_Atomic uint32_t refs;
};

/* Makes block `i` from its stored bytes; names the place when damaged. */
int sst_make_block(const struct sst_reader *r, uint32_t i, const void *stored,
		   struct block **out);

/* Block `i` straight from the file. */
int sst_read_block(const struct sst_reader *r, uint32_t i, struct block **out);

/* The table read past the page cache as well: what the disk has, whatever the
 * caches show. All zero: nothing open yet. */
struct sst_direct {
	struct env_file *file;
	struct direct_window window;
};

/* Block `i`; where it must read, at least `window` bytes from there on. */
int sst_direct_block(const struct sst_reader *r, struct sst_direct *d,
		     uint32_t i, size_t window, struct block **out);
void sst_direct_fini(struct sst_direct *d);

#endif
