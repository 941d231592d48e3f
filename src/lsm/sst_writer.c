/* SPDX-License-Identifier: MIT */
/*
 * While records come in, four things grow: the stored blocks, their index
 * entries, their separator keys, and the hashes of all keys. Finishing makes
 * the two boxes of these, and writes header and blocks.
 *
 * A block ends before a record that would take it over the target size, so
 * that a large value gets a block of its own and a small neighbour can be
 * read without it.
 */
#include "lsm/sst_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/direct.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/block_writer.h"
#include "lsm/filter.h"
#include "lsm/key_hash.h"
#include "lsm/record_format.h"
#include "lsm/sst_format.h"
#include "lsm/sst_ranges.h"
#include "lsm/table_dict.h"
#include "lsm/value_format.h"

struct sst_writer {
	/* set in sst_writer_new(), then constant */
	struct sst_writer_options opts;

	struct direct_writer file; /* closed but while finishing */

	/* of the table being built */
	struct block_writer blocks;
	struct table_dict dict;
	struct buf entries; /* struct sst_block_entry, offsets from data */
	struct buf keys;    /* separators so far, the open block's included */
	struct buf hashes;  /* uint64_t, one a key */
	int64_t open_sep_ts;
	struct buf last_key;
	int64_t last_ts;
	bool last_is_range;
	uint64_t n_records, n_tombstones, raw_bytes;
	uint32_t incompat; /* SST_INCOMPAT_* */
	int64_t min_ts, max_ts;
	struct value_refs values;
	struct buf ranges; /* the list of range tombstones, as stored */
	uint64_t n_ranges;
	struct buf range_end; /* the last end; empty: none */
};

void sst_meta_fini(struct sst_meta *m)
{
	buf_fini(&m->min_key);
	buf_fini(&m->max_key);
	value_refs_fini(&m->values);
}

int sst_writer_new(const struct sst_writer_options *o, struct sst_writer **out)
{
	struct sst_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_nomem("a table writer");
	w->opts = *o;
	if (w->opts.block_bytes == 0)
		w->opts.block_bytes = SST_BLOCK_BYTES_DEFAULT;
	assert(w->opts.bloom_bits <= FILTER_BITS_MAX);
	direct_writer_init(&w->file);
	block_writer_init(&w->blocks, o->codec);
	w->dict.is_wanted = o->with_dict && o->codec == CODEC_ZSTD;
	*out = w;
	return 0;
}

void sst_writer_free(struct sst_writer *w)
{
	if (!w)
		return;
	direct_writer_fini(&w->file);
	block_writer_fini(&w->blocks);
	table_dict_fini(&w->dict);
	buf_fini(&w->entries);
	buf_fini(&w->keys);
	buf_fini(&w->hashes);
	buf_fini(&w->last_key);
	value_refs_fini(&w->values);
	buf_fini(&w->ranges);
	buf_fini(&w->range_end);
	free(w);
}

void sst_writer_reset(struct sst_writer *w)
{
	block_writer_reset(&w->blocks);
	table_dict_reset(&w->dict);
	buf_clear(&w->entries);
	buf_clear(&w->keys);
	buf_clear(&w->hashes);
	buf_clear(&w->last_key);
	value_refs_clear(&w->values);
	buf_clear(&w->ranges);
	w->n_records = w->n_tombstones = w->raw_bytes = 0;
	w->incompat = 0;
	w->n_ranges = 0;
}

static int settle_dict(struct sst_writer *w)
{
	return table_dict_settle(&w->dict, &w->blocks, (void *)w->entries.data,
				 w->entries.len /
					 sizeof(struct sst_block_entry));
}

static int end_block(struct sst_writer *w)
{
	struct sst_block_entry e;
	struct block_done d;
	int r = table_dict_is_open(&w->dict)
			? table_dict_wait(&w->dict, &w->blocks, &d)
			: block_writer_finish(&w->blocks, &d);

	if (r < 0)
		return r;
	table_dict_fill_entry(&e, &d);
	e.sep_ts = le64_make((uint64_t)w->open_sep_ts);
	e.n_records = le32_make(d.n_records);
	e.key_end = le32_make((uint32_t)w->keys.len);
	w->raw_bytes += d.raw_len;
	if (buf_append(&w->entries, &e, sizeof(e)) < 0)
		return err_nomem("a table being built");
	return r ? settle_dict(w) : 0;
}

/* Notes the separator between the last record and `r`, which opens a block. */
static int begin_block(struct sst_writer *w, const struct record *r,
		       bool same_key)
{
	struct tt_slice sep = r->key;

	w->open_sep_ts = TS_NEWEST;
	if (w->n_records && same_key)
		w->open_sep_ts = r->ts;
	else if (w->n_records)
		sep.len = slice_common_prefix(buf_slice(&w->last_key), sep) + 1;
	if (buf_append_slice(&w->keys, sep) < 0)
		return err_nomem("a table being built");
	if (w->keys.len + w->entries.len > SST_BOX_MAX - 2 * TT_KEY_MAX)
		return err_set(TT_ETOOBIG, "a table has too many blocks");
	return 0;
}

static int note_pointer(struct sst_writer *w, const struct record *r)
{
	struct value_ptr p;

	w->incompat |= SST_INCOMPAT_POINTERS;
	value_ptr_decode(r->value.data, r->key.len, &p);
	if (p.is_shared)
		w->incompat |= SST_INCOMPAT_SHARED;
	return value_refs_add(&w->values, p.file_no, value_ptr_space(&p));
}

static int note_record(struct sst_writer *w, const struct record *r,
		       bool same_key)
{
	if (!same_key) {
		uint64_t h = key_hash(r->key);

		if (w->opts.bloom_bits &&
		    buf_append(&w->hashes, &h, sizeof(h)) < 0)
			return err_nomem("a table being built");
		buf_clear(&w->last_key);
		if (buf_append_slice(&w->last_key, r->key) < 0)
			return err_nomem("a table being built");
	}
	if (w->n_records == 0)
		w->min_ts = w->max_ts = r->ts;
	w->min_ts = MIN_OF(w->min_ts, r->ts);
	w->max_ts = MAX_OF(w->max_ts, r->ts);
	w->last_ts = r->ts;
	w->last_is_range = r->kind == RECORD_RANGE;
	w->n_records++;
	w->n_tombstones += r->kind == RECORD_TOMBSTONE;
	if (unlikely(r->kind == RECORD_MERGE))
		w->incompat |= SST_INCOMPAT_MERGES;
	return unlikely(r->kind == RECORD_POINTER) ? note_pointer(w, r) : 0;
}

int sst_writer_add(struct sst_writer *w, const struct record *r)
{
	size_t open = block_writer_open_bytes(&w->blocks);
	bool same_key = false, is_tie = false;
	int c, rc;

	if (unlikely(r->key.len > TT_KEY_MAX || r->value.len > TT_VALUE_MAX))
		return err_set(TT_ETOOBIG, "a record over the limits");
	if (likely(w->n_records)) {
		c = key_cmp(buf_slice(&w->last_key), r->key);
		same_key = c == 0;
		is_tie = same_key && w->last_ts == r->ts;
		assert(c < 0 || (c == 0 && w->last_ts > r->ts) ||
		       (is_tie && r->kind == RECORD_RANGE &&
			!w->last_is_range));
	}
	if (open && !is_tie &&
	    open + record_stored_len(r) > w->opts.block_bytes) {
		rc = end_block(w);
		if (rc < 0)
			return rc;
		open = 0;
	}
	if (open == 0) {
		rc = begin_block(w, r, same_key);
		if (rc < 0)
			return rc;
	}
	rc = block_writer_add(&w->blocks, r);
	return likely(rc == 0) ? note_record(w, r, same_key) : rc;
}

int sst_writer_set_ranges(struct sst_writer *w, const struct range_del *dels,
			  size_t n)
{
	struct tt_slice end;

	buf_clear(&w->ranges);
	w->n_ranges = n;
	if (n == 0)
		return 0;
	end = dels[0].end;
	for (size_t i = 1; i < n; i++)
		if (range_end_cmp(dels[i].end, end) > 0)
			end = dels[i].end;
	if (buf_set(&w->range_end, end) < 0)
		return err_nomem("a table being built");
	return sst_ranges_encode(dels, n, &w->ranges);
}

uint64_t sst_writer_count(const struct sst_writer *w)
{
	return w->n_records;
}

struct tt_slice sst_writer_last_key(const struct sst_writer *w)
{
	return buf_slice(&w->last_key);
}

size_t sst_writer_bytes(const struct sst_writer *w)
{
	/* Blocks that wait will be stored in a third of their size or so. */
	return w->blocks.stored.len + w->dict.raw.len / 3 + w->dict.bytes.len +
	       w->blocks.raw.len + w->entries.len + w->keys.len +
	       w->last_key.len + w->hashes.len / 64 * w->opts.bloom_bits +
	       sizeof(struct sst_index_header) + SST_CHECKSUM_LEN + 16;
}

/* ---- finishing --------------------------------------------------------- */

/* Entries were made with offsets from the first block: moves them. */
static void shift_entries(struct buf *entries, uint64_t by)
{
	struct sst_block_entry *e = (void *)entries->data;

	for (size_t i = 0; i < entries->len / sizeof(*e); i++)
		e[i].offset = le64_make(le64_get(e[i].offset) + by);
}

static void fill_index_header(const struct sst_writer *w, uint64_t file_bytes,
			      struct sst_index_header *h)
{
	*h = (struct sst_index_header){
		.magic = { 'T', 'T', 'S', 'X' },
		.version = le32_make(SST_VERSION),
		.incompat = le32_make(w->incompat |
				      (w->n_ranges ? SST_INCOMPAT_RANGES : 0)),
		.codec = (uint8_t)w->opts.codec,
		.n_blocks =
			le32_make((uint32_t)(w->entries.len /
					     sizeof(struct sst_block_entry))),
		.keys_len = le32_make((uint32_t)w->keys.len),
		.n_records = le64_make(w->n_records),
		.n_tombstones = le64_make(w->n_tombstones),
		.raw_bytes = le64_make(w->raw_bytes),
		.file_bytes = le64_make(file_bytes),
		.min_ts = le64_make((uint64_t)w->min_ts),
		.max_ts = le64_make((uint64_t)w->max_ts),
	};
}

/* Ends the last block and makes everything before the data. */
static int make_header(struct sst_writer *w, struct buf *head)
{
	struct sst_index_header h;
	size_t filter_len, index_len, head_len, dict_len = 0;
	le64 sum;
	int r;

	r = end_block(w);
	if (r == 0 && table_dict_is_open(&w->dict))
		r = settle_dict(w);
	if (r < 0)
		return r;
	if (w->dict.bytes.len) {
		w->incompat |= SST_INCOMPAT_DICT;
		dict_len = sizeof(le32) + w->dict.bytes.len;
	}
	if (buf_append_slice(&w->keys, buf_slice(&w->last_key)) < 0)
		return err_nomem("a table header");
	filter_len = filter_box_len(w->hashes.len / sizeof(uint64_t),
				    w->opts.bloom_bits);
	index_len = sizeof(h) + w->entries.len + w->keys.len + dict_len +
		    w->ranges.len + SST_CHECKSUM_LEN;
	head_len = 4 + filter_len + 4 + index_len;
	if (index_len > SST_BOX_MAX)
		return err_set(TT_ETOOBIG, "a table has too many blocks");
	if (buf_reserve(head, head_len) < 0)
		return err_nomem("a table header");
	shift_entries(&w->entries, head_len);
	fill_index_header(w, head_len + w->blocks.stored.len, &h);

	le32_store(buf_tail(head), (uint32_t)filter_len);
	buf_advance(head, 4);
	r = filter_build((const void *)w->hashes.data,
			 w->hashes.len / sizeof(uint64_t), w->opts.bloom_bits,
			 head);
	if (r < 0)
		return r;
	le32_store(buf_tail(head), (uint32_t)index_len);
	buf_advance(head, 4);
	buf_put(head, &h, sizeof(h));
	buf_put(head, w->entries.data, w->entries.len);
	buf_put(head, w->keys.data, w->keys.len);
	if (dict_len) {
		le32_store(buf_tail(head), (uint32_t)w->dict.bytes.len);
		buf_advance(head, 4);
		buf_put(head, w->dict.bytes.data, w->dict.bytes.len);
	}
	buf_put(head, w->ranges.data, w->ranges.len);
	sum = le64_make(checksum(head->data, head->len));
	buf_put(head, &sum, sizeof(sum));
	assert(head->len == head_len);
	return 0;
}

/* Where the table ends: with its last record or a range tombstone. */
static int make_bound(const struct sst_writer *w, struct sst_meta *m)
{
	struct tt_slice max = buf_slice(&w->last_key);

	if (w->n_ranges)
		max = sst_ranges_bound(buf_slice(&w->range_end), max,
				       &m->max_is_open);
	m->has_no_end = key_is_largest(max);
	return m->has_no_end ? 0 : buf_set(&m->max_key, max);
}

static int make_meta(struct sst_writer *w, size_t head_len,
		     struct sst_meta *out)
{
	struct sst_meta m = SST_META_INIT;
	const struct sst_block_entry *first = (const void *)w->entries.data;

	m.file_bytes = head_len + w->blocks.stored.len;
	m.n_records = w->n_records;
	m.n_tombstones = w->n_tombstones;
	m.raw_bytes = w->raw_bytes;
	m.min_ts = w->min_ts;
	m.max_ts = w->max_ts;
	m.n_ranges = w->n_ranges;
	if (buf_append(&m.min_key, w->keys.data, le32_get(first->key_end)) <
		    0 ||
	    make_bound(w, &m) < 0) {
		sst_meta_fini(&m);
		return err_nomem("a table's description");
	}
	m.values = w->values;
	value_refs_init(&w->values);
	*out = m;
	return 0;
}

static int write_file(struct sst_writer *w, struct env *env, const char *path,
		      const struct buf *head)
{
	struct direct_writer *f = &w->file;
	int r = direct_writer_open(f, env, path,
				   head->len + w->blocks.stored.len,
				   w->opts.past_page_cache);

	if (r < 0)
		return r;
	r = direct_writer_add(f, head->data, head->len);
	if (r == 0)
		r = direct_writer_add(f, w->blocks.stored.data,
				      w->blocks.stored.len);
	if (r == 0)
		return direct_writer_finish(f);
	direct_writer_abort(f);
	return r;
}

int sst_writer_finish(struct sst_writer *w, struct env *env,
		      const char *tmp_path, const char *final_path,
		      struct sst_meta *out)
{
	struct sst_meta meta = SST_META_INIT;
	struct buf head = BUF_INIT;
	struct err_saved err;
	int r;

	assert(w->n_records > 0);
	r = make_header(w, &head);
	if (r < 0)
		goto out;
	r = make_meta(w, head.len, &meta);
	if (r < 0)
		goto out;
	r = write_file(w, env, tmp_path, &head);
	if (r == 0)
		r = env_rename(env, tmp_path, final_path);
	if (r < 0) {
		/* Best effort: recovery removes what stays behind. */
		err_save(&err, r);
		(void)env_unlink(env, tmp_path);
		r = err_restore(&err);
	}
out:
	buf_fini(&head);
	sst_writer_reset(w);
	if (r == 0 && out)
		*out = meta;
	else
		sst_meta_fini(&meta);
	return r;
}

int sst_writer_finish_image(struct sst_writer *w, struct buf *image,
			    struct sst_meta *out)
{
	struct sst_meta meta = SST_META_INIT;
	struct buf head = BUF_INIT;
	int r;

	assert(w->n_records > 0);
	r = make_header(w, &head);
	if (r == 0)
		r = make_meta(w, head.len, &meta);
	if (r == 0 && buf_reserve(image, head.len + w->blocks.stored.len) < 0)
		r = err_nomem("a table image");
	if (r == 0) {
		buf_put(image, head.data, head.len);
		buf_put(image, w->blocks.stored.data, w->blocks.stored.len);
	}
	buf_fini(&head);
	sst_writer_reset(w);
	if (r == 0 && out)
		*out = meta;
	else
		sst_meta_fini(&meta);
	return r;
}
