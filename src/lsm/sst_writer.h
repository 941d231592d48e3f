/* SPDX-License-Identifier: MIT */
/*
 * Builds a table (sst_format.h) in memory and writes it once. The header
 * holds what is known only at the end, and the file is written front to
 * back: so the whole table, as it will be stored, is kept in memory until
 * sst_writer_finish(). Cut tables at a size that allows it.
 *
 * One thread at a time uses a writer. A finished writer is empty and may
 * build the next table in the memory it has.
 */
#ifndef LSM_SST_WRITER_H
#define LSM_SST_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compress.h"
#include "lsm/record.h"
#include "lsm/value_refs.h"

struct env;
struct range_del;
struct sst_writer;

#define SST_BLOCK_BYTES_DEFAULT 4096
#define SST_BLOOM_BITS_DEFAULT 10

struct sst_writer_options {
	enum codec codec;
	uint32_t block_bytes; /* raw size to end a block at; 0: default */
	uint32_t bloom_bits;  /* a key, 0 to FILTER_BITS_MAX; 0: no filter */
	bool with_dict;	      /* give blocks a dictionary if it pays; zstd */
	bool past_page_cache; /* nobody will read it soon */
};

/* What the manifest records about a table. */
struct sst_meta {
	uint64_t file_bytes;
	uint64_t n_records;
	uint64_t n_tombstones;
	uint64_t raw_bytes; /* of all records */
	int64_t min_ts, max_ts;
	uint64_t n_ranges; /* range tombstones */
	/* What is in the table lies from min_key to max_key, that included
	 * unless max_is_open. Without an end max_key is empty. */
	struct buf min_key, max_key;
	bool max_is_open, has_no_end;
	struct value_refs values; /* what its pointers name */
};

#define SST_META_INIT ((struct sst_meta){ .file_bytes = 0 })

void sst_meta_fini(struct sst_meta *m);

/* 0 with *out set, or -ENOMEM. */
int sst_writer_new(const struct sst_writer_options *o, struct sst_writer **out);
/* Also in the middle of a table; nothing was written then. */
void sst_writer_free(struct sst_writer *w);

/* Forgets the records added so far, keeping the memory. */
void sst_writer_reset(struct sst_writer *w);

/*
 * Appends a record, copying it. Records must come strictly ascending in
 * internal order (asserted). 0, -ENOMEM, or TT_ETOOBIG.
 */
int sst_writer_add(struct sst_writer *w, const struct record *r);

/*
 * Before the table is finished: the range tombstones that hold in it, those
 * that were added as records, their ends cut to where the table ends. Sorted
 * by range_del_cmp(); copied. -ENOMEM or TT_ETOOBIG.
 */
int sst_writer_set_ranges(struct sst_writer *w, const struct range_del *dels,
			  size_t n);

/* Records added since the last finish or reset. */
uint64_t sst_writer_count(const struct sst_writer *w);

/* The key of the last record; valid until the next one is added. */
struct tt_slice sst_writer_last_key(const struct sst_writer *w);

/* About how large the file would be if it were finished now. */
size_t sst_writer_bytes(const struct sst_writer *w);

/*
 * Writes the table (of at least one record) under `tmp_path`, fsyncs it, renames it to `final_path`, and leaves the
 * writer empty. A file whose fsync failed is removed and never synced again.
 * The table is durable once the caller has synced the directory
 * (env_sync_parent()), which pays once for several tables. On failure the
 * temporary file is removed, as far as that is possible, and the writer is
 * empty too. *out (may be NULL) is finished by the caller.
 */
int sst_writer_finish(struct sst_writer *w, struct env *env,
		      const char *tmp_path, const char *final_path,
		      struct sst_meta *out);

/*
 * The same without a file: appends the table's bytes to `image`. For tests
 * and tools.
 */
int sst_writer_finish_image(struct sst_writer *w, struct buf *image,
			    struct sst_meta *out);

#endif
