/* SPDX-License-Identifier: MIT */
#include "lsm/sst_ranges.h"

#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "ttrunks.h"

/* ---- writing ---------------------------------------------------------- */

static int encode_keys(const struct range_del *dels, size_t n, struct buf *out,
		       size_t entries_at)
{
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++) {
		struct sst_range_entry e;

		if (buf_append_slice(out, dels[i].start) < 0 ||
		    buf_append_slice(out, dels[i].end) < 0)
			return err_nomem("a table header");
		e.ts = le64_make((uint64_t)dels[i].ts);
		at += (uint32_t)dels[i].start.len;
		e.start_end = le32_make(at);
		at += (uint32_t)dels[i].end.len;
		e.end_end = le32_make(at);
		memcpy(out->data + entries_at + i * sizeof(e), &e, sizeof(e));
	}
	return 0;
}

int sst_ranges_encode(const struct range_del *dels, size_t n, struct buf *out)
{
	struct sst_range_header h;
	size_t keys_len = 0, entries_at;

	assert(n >= 1);
	for (size_t i = 0; i < n; i++)
		keys_len += dels[i].start.len + dels[i].end.len;
	if (n > SST_BOX_MAX / sizeof(struct sst_range_entry) ||
	    keys_len > SST_BOX_MAX)
		return err_set(TT_ETOOBIG,
			       "a table has too many range tombstones");
	h.n = le32_make((uint32_t)n);
	h.keys_len = le32_make((uint32_t)keys_len);
	if (buf_append(out, &h, sizeof(h)) < 0)
		return err_nomem("a table header");
	entries_at = out->len;
	if (buf_append_fill(out, 0, n * sizeof(struct sst_range_entry)) < 0)
		return err_nomem("a table header");
	return encode_keys(dels, n, out, entries_at);
}

struct tt_slice sst_ranges_bound(struct tt_slice end, struct tt_slice last_key,
				 bool *is_open)
{
	*is_open = false;
	if (end.len == 0)
		return KEY_LARGEST;
	if (key_cmp(end, last_key) <= 0)
		return last_key;
	/* All keys before K and a zero byte are all keys up to K. */
	if (slice_bytes(end)[end.len - 1] == 0 && end.len > 1)
		end.len--;
	else
		*is_open = true;
	return end;
}

/* ---- reading ---------------------------------------------------------- */

static int corrupt(const char *path, const char *what)
{
	return err_set(TT_ECORRUPT, "%s: table index: range tombstones: %s",
		       path, what);
}

void sst_ranges_at(const struct sst_ranges *r, uint32_t i,
		   struct range_del *out)
{
	const struct sst_range_entry *e = &r->entries[i];
	uint32_t from = i ? le32_get(r->entries[i - 1].end_end) : 0;
	uint32_t start_end = le32_get(e->start_end);

	out->start = SLICE(r->keys + from, start_end - from);
	out->end = SLICE(r->keys + start_end, le32_get(e->end_end) - start_end);
	out->ts = (int64_t)le64_get(e->ts);
}

struct tt_slice sst_ranges_table_bound(const struct sst_ranges *r,
				       struct tt_slice last_key, bool *is_open)
{
	struct tt_slice end = last_key;
	struct range_del d;

	for (uint32_t i = 0; i < r->n; i++) {
		sst_ranges_at(r, i, &d);
		if (range_end_cmp(d.end, end) > 0)
			end = d.end;
	}
	if (r->n && (end.len == 0 || key_cmp(end, last_key) > 0))
		return sst_ranges_bound(end, last_key, is_open);
	*is_open = false;
	return last_key;
}

/* Entry `i`, those before it have been checked. */
static int check_entry(const struct sst_ranges *r, const char *path, uint32_t i,
		       uint32_t keys_len, struct tt_slice min_key)
{
	const struct sst_range_entry *e = &r->entries[i];
	uint32_t from = i ? le32_get(r->entries[i - 1].end_end) : 0;
	struct range_del d, before;

	if (le32_get(e->start_end) < from ||
	    le32_get(e->end_end) < le32_get(e->start_end) ||
	    le32_get(e->end_end) > keys_len)
		return corrupt(path, "a key is out of bounds");
	sst_ranges_at(r, i, &d);
	if (!record_range_is_sound(d.start, d.end) || d.ts == RANGE_NONE ||
	    d.ts == TS_NEWEST)
		return corrupt(path, "one that is impossible");
	if (key_cmp(d.start, min_key) < 0)
		return corrupt(path, "one before the smallest key");
	if (i == 0)
		return 0;
	sst_ranges_at(r, i - 1, &before);
	return range_del_cmp(&before, &d) < 0 ? 0
					      : corrupt(path, "out of order");
}

static int make_set(struct sst_ranges *r)
{
	struct buf dels = BUF_INIT;
	struct range_del d;
	int rc = buf_reserve(&dels, r->n * sizeof(d));

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < r->n; i++) {
		sst_ranges_at(r, i, &d);
		buf_put(&dels, &d, sizeof(d));
	}
	rc = range_set_build((void *)dels.data, r->n, &r->set);
	buf_fini(&dels);
	return rc;
}

int sst_ranges_open(struct sst_ranges *r, const char *path, const uint8_t *box,
		    size_t len, struct tt_slice min_key, size_t *used)
{
	const struct sst_range_header *h = (const void *)box;
	uint64_t need, n, keys_len;

	*r = (struct sst_ranges){ .n = 0 };
	if (len < sizeof(*h))
		return corrupt(path, "cut short");
	n = le32_get(h->n);
	keys_len = le32_get(h->keys_len);
	need = sizeof(*h) + n * sizeof(struct sst_range_entry) + keys_len;
	if (n == 0 || need > len)
		return corrupt(path, "impossible number of them");
	r->entries = (const void *)(h + 1);
	r->keys = (const uint8_t *)(r->entries + n);
	for (uint32_t i = 0; i < n; i++) {
		int rc = check_entry(r, path, i, (uint32_t)keys_len, min_key);

		if (rc < 0)
			return rc;
	}
	if (le32_get(r->entries[n - 1].end_end) != keys_len)
		return corrupt(path, "keys of none of them");
	r->n = (uint32_t)n;
	*used += (size_t)need;
	return make_set(r);
}

void sst_ranges_fini(struct sst_ranges *r)
{
	range_set_free(r->set);
	*r = (struct sst_ranges){ .n = 0 };
}
