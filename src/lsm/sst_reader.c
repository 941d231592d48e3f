/* SPDX-License-Identifier: MIT */
/*
 * Opening a table, reading its blocks, and point reads.
 *
 * The header is kept as it is in the file: filter and index are views of it.
 * Only the array of separator prefixes is made when opening.
 */
#include "lsm/sst_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"
#include "base/pages.h"
#include "lsm/residency.h"
#include "lsm/sst_reader_impl.h"

/* ---- opening ------------------------------------------------------------ */

/* The file's filter lines begin 4 + 8 bytes into it. */
#define HEADER_SHIFT (FILTER_LINE - 4 - sizeof(struct filter_header))

/* Allocates for `len` bytes of header, of which `have` are in r->header. */
static int grow_header(struct sst_reader *r, uint64_t len, size_t have)
{
	struct pages p;
	int rc = pages_new(&p, (size_t)len + HEADER_SHIFT);

	if (rc < 0)
		return rc;
	if (have)
		memcpy(p.data + HEADER_SHIFT, r->header, have);
	pages_free(&r->pages);
	r->pages = p;
	r->header = p.data + HEADER_SHIFT;
	return 0;
}

static int too_short(const struct sst_reader *r)
{
	return err_set(TT_ECORRUPT,
		       "%s: file of %" PRIu64
		       " bytes is too short for the table's header",
		       r->path, r->file_bytes);
}

/* Reads the file up to its data: length, filter box, length, index box. */
static int read_header(struct sst_reader *r, uint64_t *index_len)
{
	uint8_t len[4];
	uint64_t n, m;
	int rc;

	if (r->file_bytes < 8 + sizeof(struct filter_header) + SST_INDEX_MIN)
		return too_short(r);
	rc = env_read_exact(r->file, 0, len, 4);
	if (rc < 0)
		return rc;
	n = le32_load(len);
	if (n > SST_BOX_MAX || n + 8 > r->file_bytes)
		return too_short(r);
	rc = grow_header(r, n + 8, 0);
	if (rc == 0)
		rc = env_read_exact(r->file, 0, r->header, n + 8);
	if (rc < 0)
		return rc;
	m = le32_load(r->header + 4 + n);
	if (m < SST_INDEX_MIN || m > SST_BOX_MAX || n + m + 8 > r->file_bytes)
		return too_short(r);
	rc = grow_header(r, n + m + 8, n + 8);
	if (rc == 0)
		rc = env_read_exact(r->file, n + 8, r->header + n + 8, m);
	r->filter_len = n;
	r->header_len = n + m + 8;
	*index_len = m;
	return rc;
}

static int open_dict(struct sst_reader *r)
{
	int rc;

	if (!r->index.dict.len)
		return 0;
	rc = compress_dict_new_inflate(r->index.dict, &r->dict);
	return rc == TT_ECORRUPT
		       ? err_set(rc, "%s: table index: not a dictionary",
				 r->path)
		       : rc;
}

/*
 * The checksum comes first, so that a damaged version number is damage and
 * not another version: its place is the same in every version.
 */
static int check_header(struct sst_reader *r, uint64_t index_len)
{
	const uint8_t *index = r->header + r->header_len - index_len;
	uint64_t at = r->header_len - SST_CHECKSUM_LEN;
	int rc;

	if (memcmp(index, SST_MAGIC, 4) != 0)
		return err_set(TT_ECORRUPT,
			       "%s: no table index at offset %" PRIu64
			       ": not a table of ours, or damaged",
			       r->path, r->header_len - index_len);
	if (checksum(r->header, at) != le64_load(r->header + at))
		return err_set(TT_ECORRUPT,
			       "%s: header of %" PRIu64
			       " bytes at offset 0 fails its checksum",
			       r->path, r->header_len);
	rc = sst_index_open(&r->index, r->path, index, index_len, r->header_len,
			    r->file_bytes);
	if (rc < 0)
		return rc;
	r->ranges = r->index.ranges.set;
	rc = open_dict(r);
	if (rc < 0)
		return rc;
	rc = filter_open(r->header + 4, r->filter_len, &r->filter);
	if (rc < 0) {
		struct err_saved e;

		err_save(&e, rc);
		return err_set(rc, "%s: %s", r->path, e.text);
	}
	return 0;
}

/* The length of the box at `at`, if it ends within the file. */
static int box_len(struct env_file *f, uint64_t at, uint64_t file_bytes,
		   uint64_t *out)
{
	uint8_t len[4];
	int r = env_read_exact(f, at, len, sizeof(len));

	*out = le32_load(len);
	if (r == 0 && (*out > SST_BOX_MAX || at + 4 + *out > file_bytes))
		r = err_set(TT_ECORRUPT,
			    "%s: file of %" PRIu64
			    " bytes is too short for the table's header",
			    f->path, file_bytes);
	return r;
}

int sst_read_checksum(struct env *env, const char *path, uint64_t *out)
{
	uint64_t size, n = 0, m = 0;
	struct env_file *f;
	uint8_t sum[SST_CHECKSUM_LEN];
	int r = env_open(env, path, ENV_READ, &f);

	if (r < 0)
		return r;
	r = env_file_size(f, &size);
	if (r == 0)
		r = box_len(f, 0, size, &n);
	if (r == 0)
		r = box_len(f, 4 + n, size, &m);
	if (r == 0 && m < SST_INDEX_MIN)
		r = err_set(TT_ECORRUPT,
			    "%s: no table index at offset %" PRIu64, path,
			    n + 8);
	if (r == 0)
		r = env_read_exact(f, n + m + 8 - sizeof(sum), sum,
				   sizeof(sum));
	(void)env_close(f); /* nothing was written to it */
	if (r == 0)
		*out = le64_load(sum);
	return r;
}

int sst_open(struct env *env, const char *path, uint64_t file_no,
	     struct sst_reader **out)
{
	struct sst_reader *r = calloc(1, sizeof(*r));
	uint64_t index_len = 0;
	int rc;

	if (!r)
		return err_nomem("a table");
	atomic_init(&r->refs, 1);
	r->env = env;
	r->file_no = file_no;
	r->path = strdup(path);
	rc = r->path ? env_open(env, path, ENV_READ, &r->file)
		     : err_nomem("a table");
	if (rc < 0)
		goto out;
	rc = env_file_size(r->file, &r->file_bytes);
	if (rc < 0)
		goto out;
	rc = read_header(r, &index_len);
	if (rc < 0)
		goto out;
	rc = check_header(r, index_len);
	if (rc == 0)
		*out = r;
out:
	if (rc < 0)
		sst_close(r);
	return rc;
}

void sst_ref(struct sst_reader *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
}

void sst_close(struct sst_reader *r)
{
	if (!r)
		return;
	if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	compress_dict_free(r->dict);
	sst_index_fini(&r->index);
	pages_free(&r->pages);
	/* Nothing was written: a failing close loses nothing. */
	(void)env_close(r->file);
	free(r->path);
	free(r);
}

bool sst_is_shared(const struct sst_reader *r)
{
	return atomic_load_explicit(&r->refs, memory_order_relaxed) > 1;
}

void sst_info(const struct sst_reader *r, struct sst_info *out)
{
	const struct sst_index_header *h = r->index.header;
	bool is_open;
	struct tt_slice max = sst_ranges_table_bound(
		&r->index.ranges, r->index.max_key, &is_open);

	*out = (struct sst_info){
		.path = r->path,
		.file_no = r->file_no,
		.file_bytes = r->file_bytes,
		.header_bytes = r->header_len,
		.filter_bytes = r->filter_len,
		.n_records = le64_get(h->n_records),
		.n_tombstones = le64_get(h->n_tombstones),
		.raw_bytes = le64_get(h->raw_bytes),
		.n_blocks = r->index.n_blocks,
		.version = le32_get(h->version),
		.codec = r->index.codec,
		.min_ts = (int64_t)le64_get(h->min_ts),
		.max_ts = (int64_t)le64_get(h->max_ts),
		.min_key = r->index.min_key,
		.max_key = max,
		.max_is_open = is_open,
		.n_ranges = r->index.ranges.n,
	};
}

void sst_block_info(const struct sst_reader *r, uint32_t i,
		    struct sst_block_info *out)
{
	struct sst_block_ref ref;

	sst_index_block(&r->index, i, &ref);
	out->offset = ref.offset;
	out->stored_len = ref.stored_len;
	out->raw_len = ref.raw_len;
	out->n_records = ref.n_records;
	out->separator = sst_index_sep_key(&r->index, i);
}

const struct filter *sst_filter(const struct sst_reader *r)
{
	return &r->filter;
}

const struct sst_ranges *sst_ranges_of(const struct sst_reader *r)
{
	return &r->index.ranges;
}

void sst_range(const struct sst_reader *r, uint32_t i, struct sst_range *out)
{
	struct range_del d;

	sst_ranges_at(&r->index.ranges, i, &d);
	*out = (struct sst_range){ d.start, d.end, d.ts };
}

const struct sst_index *sst_index_of(const struct sst_reader *r)
{
	return &r->index;
}

size_t sst_memory(const struct sst_reader *r)
{
	return sizeof(*r) + r->pages.bytes + sst_index_memory(&r->index) +
	       compress_dict_memory(r->dict) + strlen(r->path) + 1;
}

uint64_t sst_cached_bytes(const struct sst_reader *r)
{
	struct residency cached = RESIDENCY_INIT;
	uint64_t n = residency_note(&cached, r->file, r->file_bytes);

	residency_fini(&cached);
	return n;
}

/* ---- blocks -------------------------------------------------------------- */

static int bad_block(const struct sst_reader *r, uint32_t i, uint64_t offset,
		     int rc, const char *why)
{
	/* Memory may be out while inflating: that is no damage. */
	if (rc != TT_ECORRUPT)
		return rc;
	return err_set(TT_ECORRUPT,
		       "%s: block %" PRIu32 " at offset %" PRIu64 " %s",
		       r->path, i, offset, why);
}

static int fill_block(const struct sst_reader *r, uint32_t i,
		      const struct sst_block_ref *ref, struct block *b,
		      const void *stored, struct block **out)
{
	const char *why = "is damaged";
	int rc = block_fill(b, SLICE(stored, ref->stored_len), ref->checksum,
			    r->index.codec, r->dict, &why);

	if (unlikely(rc < 0)) {
		block_unref(b);
		return bad_block(r, i, ref->offset, rc, why);
	}
	*out = b;
	return 0;
}

int sst_make_block(const struct sst_reader *r, uint32_t i, const void *stored,
		   struct block **out)
{
	struct sst_block_ref ref;
	struct block *b;

	sst_index_block(&r->index, i, &ref);
	b = block_alloc(ref.n_records, ref.raw_len);
	if (!b)
		return err_nomem("a block");
	return fill_block(r, i, &ref, b, stored, out);
}

/* Compressed blocks up to this size are read onto the stack. */
#define STACK_BLOCK 16384

int sst_read_block(const struct sst_reader *r, uint32_t i, struct block **out)
{
	uint8_t on_stack[STACK_BLOCK], *heap = NULL, *dst = on_stack;
	struct sst_block_ref ref;
	struct block *b;
	int rc = 0;

	sst_index_block(&r->index, i, &ref);
	b = block_alloc(ref.n_records, ref.raw_len);
	if (!b)
		return err_nomem("a block");
	if (ref.stored_len == ref.raw_len)
		dst = block_data(b);
	else if (ref.stored_len > STACK_BLOCK)
		dst = heap = malloc(ref.stored_len);
	if (!dst)
		rc = err_nomem("a block");
	if (rc == 0)
		rc = env_read_exact(r->file, ref.offset, dst, ref.stored_len);
	if (rc < 0)
		block_unref(b);
	else
		rc = fill_block(r, i, &ref, b, dst, out);
	free(heap);
	return rc;
}

int sst_direct_block(const struct sst_reader *r, struct sst_direct *d,
		     uint32_t i, size_t window, struct block **out)
{
	struct sst_block_ref ref;
	const uint8_t *stored;
	uint64_t want;
	int rc = 0;

	sst_index_block(&r->index, i, &ref);
	stored = direct_window_at(&d->window, ref.offset, ref.stored_len);
	if (stored)
		return sst_make_block(r, i, stored, out);
	if (!d->file)
		rc = env_open(r->env, r->path, ENV_READ | ENV_DIRECT, &d->file);
	if (rc < 0)
		return rc;
	want = MIN_OF((uint64_t)MAX_OF(window, (size_t)ref.stored_len),
		      r->file_bytes - ref.offset);
	/* A window for one large block goes with it. */
	direct_window_reset(&d->window, MAX_OF((size_t)want, 2 * window));
	rc = direct_window_read(&d->window, d->file, ref.offset, (size_t)want);
	if (rc < 0)
		return rc;
	stored = direct_window_at(&d->window, ref.offset, ref.stored_len);
	if (!stored)
		return bad_block(r, i, ref.offset, TT_ECORRUPT,
				 "is beyond the end of the file");
	return sst_make_block(r, i, stored, out);
}

void sst_direct_fini(struct sst_direct *d)
{
	(void)env_close(d->file); /* nothing was written */
	d->file = NULL;
	direct_window_fini(&d->window);
}

int sst_block(struct sst_reader *r, struct block_cache *cache, uint32_t i,
	      bool no_fill, struct block **out)
{
	struct block *b = NULL;
	int rc;

	if (cache)
		b = block_cache_get(cache, r->file_no, i);
	if (likely(b)) {
		*out = b;
		return 0;
	}
	rc = sst_read_block(r, i, &b);
	if (rc < 0)
		return rc;
	if (cache && !no_fill)
		b = block_cache_insert(cache, b, r->file_no, i);
	*out = b;
	return 0;
}

/* Where the block begins that may hold the key. */
static uint64_t offset_of(const struct sst_reader *r, struct tt_slice key)
{
	struct sst_block_ref ref;

	sst_index_block(&r->index, sst_index_seek(&r->index, key, TS_NEWEST),
			&ref);
	return ref.offset;
}

uint64_t sst_bytes_between(const struct sst_reader *r, struct tt_slice lower,
			   struct tt_slice upper)
{
	bool is_behind = upper.len == 0 || key_cmp(upper, r->index.max_key) > 0;
	uint64_t from = offset_of(r, lower);

	return (is_behind ? r->file_bytes : offset_of(r, upper)) - from;
}

/* ---- point reads --------------------------------------------------------- */

bool sst_may_have(const struct sst_reader *r, uint64_t hash)
{
	return filter_may_have(&r->filter, hash);
}

void sst_ask_filter(const struct sst_reader *r, uint64_t hash)
{
	__builtin_prefetch(filter_line(&r->filter, hash));
}

uint32_t sst_ask(const struct sst_reader *r, struct block_cache *cache,
		 struct tt_slice key, int64_t as_of)
{
	uint32_t i = sst_index_seek(&r->index, key, as_of);

	block_cache_ask(cache, r->file_no, i);
	return i;
}

void sst_ask_block(const struct sst_reader *r, struct block_cache *cache,
		   uint32_t block)
{
	block_cache_ask_block(cache, r->file_no, block);
}

void sst_ask_disk(const struct sst_reader *r, uint32_t block)
{
	struct sst_block_ref ref;
	struct err_saved e;
	int was = err_code();

	/* The caller's last failure stays the last: hints have none. */
	err_save(&e, was);
	sst_index_block(&r->index, block, &ref);
	if (env_advise(r->file, ref.offset, ref.stored_len,
		       ENV_ADVICE_WILLNEED) < 0)
		(void)err_restore(&e);
}

struct block *sst_ask_record(const struct sst_reader *r,
			     struct block_cache *cache, uint32_t block,
			     struct tt_slice key)
{
	struct block *b = block_cache_peek(cache, r->file_no, block);

	if (b)
		block_ask(b, key);
	return b;
}

/*
 * The record with `key` and a ts <= as_of lies beyond block i: only if the
 * key's versions go on in the next block, which then begins with it.
 */
static int get_from_next(struct sst_reader *r, struct block_cache *cache,
			 uint32_t i, struct tt_slice key, bool no_fill,
			 struct sst_hit *out)
{
	struct block *b;
	int rc;

	if (i + 1 >= r->index.n_blocks ||
	    !key_eq(sst_index_sep_key(&r->index, i + 1), key) ||
	    sst_index_sep_ts(&r->index, i + 1) == TS_NEWEST)
		return TT_NOTFOUND;
	rc = sst_block(r, cache, i + 1, no_fill, &b);
	if (rc < 0)
		return rc;
	block_record(b, 0, &out->rec);
	out->block = b;
	return 0;
}

/* The same without a look at range tombstones, but as records. */
static ALWAYS_INLINE int get_record(struct sst_reader *r,
				    struct block_cache *cache,
				    struct tt_slice key, uint64_t hash,
				    int64_t as_of, bool no_fill,
				    struct sst_hit *out)
{
	struct block *b;
	uint32_t i, at;
	int rc;

	if (!filter_may_have(&r->filter, hash))
		return TT_NOTFOUND;
	i = sst_index_seek(&r->index, key, as_of);
	rc = sst_block(r, cache, i, no_fill, &b);
	if (rc < 0)
		return rc;
	at = block_find_exact(b, key, as_of);
	if (likely(at < b->n)) {
		__builtin_prefetch(block_at(b, at) + CACHE_LINE);
		__builtin_prefetch(block_at(b, at) + 2 * CACHE_LINE);
		block_record(b, at, &out->rec);
		if (likely(key_eq(out->rec.key, key))) {
			out->block = b;
			return 0;
		}
		rc = TT_NOTFOUND;
	} else {
		rc = get_from_next(r, cache, i, key, no_fill, out);
	}
	block_unref(b);
	return rc;
}

/* In a table with range tombstones. */
static NOINLINE int get_covered(struct sst_reader *r, struct block_cache *cache,
				struct tt_slice key, uint64_t hash,
				int64_t as_of, bool no_fill,
				struct sst_hit *out)
{
	int64_t ts = range_set_cover(r->ranges, key, as_of);
	int rc = get_record(r, cache, key, hash, as_of, no_fill, out);

	if (rc < 0 || ts == RANGE_NONE || (rc == 0 && out->rec.ts >= ts))
		return rc;
	if (rc == 0)
		sst_hit_release(out);
	*out = (struct sst_hit){
		.rec = { .key = key, .ts = ts, .kind = RECORD_TOMBSTONE }
	};
	return 0;
}

int sst_get(struct sst_reader *r, struct block_cache *cache,
	    struct tt_slice key, uint64_t hash, int64_t as_of, bool no_fill,
	    struct sst_hit *out)
{
	if (unlikely(r->ranges != NULL))
		return get_covered(r, cache, key, hash, as_of, no_fill, out);
	return get_record(r, cache, key, hash, as_of, no_fill, out);
}
