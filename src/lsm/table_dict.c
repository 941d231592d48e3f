/* SPDX-License-Identifier: MIT */
#include "lsm/table_dict.h"

#include "base/assert.h"
#include "base/err.h"

/* Raw bytes that make a sample. */
#define SAMPLE_BYTES ((size_t)1 << 20)
/* A dictionary is at most this part of the sample. */
#define SAMPLE_PER_DICT 16
/* So many blocks, evenly spaced, say whether it pays. */
#define N_TRIALS 16

void table_dict_fini(struct table_dict *d)
{
	compress_dict_free(d->dict);
	buf_fini(&d->raw);
	buf_fini(&d->lens);
	buf_fini(&d->bytes);
}

void table_dict_reset(struct table_dict *d)
{
	compress_dict_free(d->dict);
	d->dict = NULL;
	d->is_settled = false;
	buf_clear(&d->raw);
	buf_clear(&d->lens);
	buf_clear(&d->bytes);
}

int table_dict_wait(struct table_dict *d, struct block_writer *w,
		    struct block_done *out)
{
	size_t len;
	int r = block_writer_put_off(w, &d->raw, out);

	if (r < 0)
		return r;
	len = out->raw_len;
	if (buf_append(&d->lens, &len, sizeof(len)) < 0)
		return err_nomem("a table being built");
	return d->raw.len >= SAMPLE_BYTES;
}

static size_t n_waiting(const struct table_dict *d)
{
	return d->lens.len / sizeof(size_t);
}

/* What a block takes when stored; the writer forgets it again. */
static int trial(struct block_writer *w, struct tt_slice raw, size_t *sum)
{
	struct block_done done;
	size_t at = w->stored.len;
	int r = block_writer_store(w, raw, &done);

	if (r < 0)
		return r;
	w->stored.len = at;
	*sum += done.stored_len;
	return 0;
}

/* Bytes that some of the waiting blocks take without and with the dictionary,
 * raw ones too. */
static int try_out(const struct table_dict *d, struct block_writer *w,
		   size_t sums[2], size_t *raw_sum)
{
	const size_t *lens = (const void *)d->lens.data;
	size_t n = n_waiting(d), step = MAX_OF(n / N_TRIALS, (size_t)1);
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; at += lens[i++]) {
		struct tt_slice raw = SLICE(d->raw.data + at, lens[i]);

		if (i % step)
			continue;
		*raw_sum += raw.len;
		w->dict = NULL;
		r = trial(w, raw, &sums[0]);
		w->dict = d->dict;
		if (r == 0)
			r = trial(w, raw, &sums[1]);
	}
	return r;
}

/* Drops the dictionary if the waiting blocks do not get smaller by more than
 * its size. */
static int keep_if_it_pays(struct table_dict *d, struct block_writer *w)
{
	size_t sums[2] = { 0, 0 }, raw = 0;
	int r = try_out(d, w, sums, &raw);

	if (r < 0)
		return r;
	if (sums[0] > sums[1] &&
	    (double)(sums[0] - sums[1]) * (double)d->raw.len / (double)raw >
		    (double)d->bytes.len)
		return 0;
	w->dict = NULL;
	compress_dict_free(d->dict);
	d->dict = NULL;
	buf_clear(&d->bytes);
	return 0;
}

static int make(struct table_dict *d, struct block_writer *w)
{
	int r = compress_dict_train(buf_slice(&d->raw),
				    (const void *)d->lens.data, n_waiting(d),
				    d->raw.len / SAMPLE_PER_DICT, &d->bytes);

	if (r == 0)
		r = compress_dict_new_pack(buf_slice(&d->bytes), &d->dict);
	if (r == 0)
		r = keep_if_it_pays(d, w);
	return MIN_OF(r, 0);
}

void table_dict_fill_entry(struct sst_block_entry *e,
			   const struct block_done *d)
{
	e->offset = le64_make(d->offset);
	e->checksum = le64_make(d->checksum);
	e->stored_len = le32_make(d->stored_len);
	e->raw_len = le32_make(d->raw_len);
}

int table_dict_settle(struct table_dict *d, struct block_writer *w,
		      struct sst_block_entry *entries, size_t n)
{
	const size_t *lens = (const void *)d->lens.data;
	size_t n_mine = n_waiting(d), at = 0;
	struct block_done done;
	int r;

	assert(table_dict_is_open(d) && n_mine <= n);
	d->is_settled = true;
	entries += n - n_mine;
	r = n_mine ? make(d, w) : 0;
	for (size_t i = 0; i < n_mine && r == 0; at += lens[i++]) {
		r = block_writer_store(w, SLICE(d->raw.data + at, lens[i]),
				       &done);
		table_dict_fill_entry(&entries[i], &done);
	}
	buf_clear(&d->raw);
	return r;
}
