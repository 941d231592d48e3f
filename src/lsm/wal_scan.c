/* SPDX-License-Identifier: MIT */
#include "lsm/wal_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/wal_reader.h"

/* What one read brings at least, where the file has it. */
#define WINDOW_BYTES ((uint64_t)1 << 20)

void wal_scan_init(struct wal_scan *s)
{
	memset(s, 0, sizeof(*s));
}

void wal_scan_fini(struct wal_scan *s)
{
	(void)env_close(s->file); /* read only: nothing to lose */
	s->file = NULL;
	buf_fini(&s->path);
	direct_window_fini(&s->window);
}

/* `len` bytes at `off`: 1 and where they are, 0 when the file ends before.
 * Reads at least `window` bytes where it must read. */
static int bytes_at(struct wal_scan *s, uint64_t off, uint64_t len,
		    uint64_t window, const uint8_t **out)
{
	uint64_t want;
	int r;

	if (off > s->file_bytes || len > s->file_bytes - off)
		return 0;
	*out = direct_window_at(&s->window, off, len);
	if (*out)
		return 1;
	want = MIN_OF(MAX_OF(len, window), s->file_bytes - off);
	direct_window_reset(&s->window, MAX_OF(want, 2 * WINDOW_BYTES));
	r = direct_window_read(&s->window, s->file, off, want);
	if (r < 0)
		return r;
	*out = direct_window_at(&s->window, off, len);
	return *out != NULL;
}

static int read_header(struct wal_scan *s, bool any_number)
{
	struct wal_segment_header h;
	const uint8_t *p;
	int r = bytes_at(s, 0, sizeof(h), sizeof(h), &p);

	if (r <= 0)
		return r;
	memcpy(&h, p, sizeof(h));
	if (memcmp(h.magic, WAL_MAGIC, sizeof(h.magic)) != 0 ||
	    le64_get(h.checksum) != wal_identity_sum(&h))
		return 0;
	if (le32_get(h.version) != WAL_VERSION ||
	    (le64_get(h.features) & ~WAL_FEATURES_KNOWN) != 0)
		return err_set(TT_EVERSION,
			       "%s: log version %u with features %" PRIx64
			       "; this program reads version %u with %" PRIx64,
			       (char *)s->path.data, le32_get(h.version),
			       le64_get(h.features), WAL_VERSION,
			       WAL_FEATURES_KNOWN);
	if (any_number)
		s->segment_no = (uint32_t)le64_get(h.segment_no);
	s->is_segment = le64_get(h.segment_no) == s->segment_no;
	s->has_link =
		s->is_segment && le64_get(h.link_checksum) == wal_link_sum(&h);
	s->link = le64_get(h.link);
	return 0;
}

/* Opens the file named by s->path. */
static int open_file(struct wal_scan *s, struct env *env, bool any_number)
{
	int r;

	(void)env_close(s->file);
	s->file = NULL;
	s->is_segment = false;
	s->has_link = false;
	direct_window_reset(&s->window, 2 * WINDOW_BYTES);
	r = env_open(env, (char *)s->path.data, ENV_READ | ENV_DIRECT,
		     &s->file);
	if (r == 0)
		r = env_file_size(s->file, &s->file_bytes);
	if (r == 0)
		r = read_header(s, any_number);
	return r;
}

int wal_scan_open(struct wal_scan *s, struct env *env, const char *dir,
		  uint32_t no)
{
	int r = wal_segment_path(&s->path, dir, no);

	s->segment_no = no;
	return r < 0 ? r : open_file(s, env, false);
}

int wal_scan_open_path(struct wal_scan *s, struct env *env, const char *path)
{
	int r = buf_set(&s->path, SLICE(path, strlen(path) + 1));

	s->segment_no = 0;
	return r < 0 ? r : open_file(s, env, true);
}

int wal_scan_record(struct wal_scan *s, uint64_t off,
		    struct wal_scan_record *out)
{
	struct wal_record_header h;
	const uint8_t *p;
	uint32_t len;
	int r;

	if (off > UINT32_MAX)
		return 0;
	r = bytes_at(s, off, sizeof(h), WINDOW_BYTES, &p);
	if (r <= 0)
		return r;
	memcpy(&h, p, sizeof(h));
	len = le32_get(h.len);
	out->lsn = wal_lsn(s->segment_no, (uint32_t)off);
	if (len == 0 || le32_get(h.checksum) == 0 ||
	    len > s->file_bytes - off - sizeof(h) ||
	    le32_get(h.checksum) != wal_record_sum(&h, out->lsn))
		return 0;
	r = bytes_at(s, off, sizeof(h) + len, WINDOW_BYTES, &p);
	if (r <= 0)
		return r;
	out->payload = SLICE(p + sizeof(h), len);
	if (wal_payload_sum(out->payload.data, len, out->lsn) !=
	    le64_get(h.payload_checksum))
		return 0;
	out->ts = (int64_t)le64_get(h.ts);
	out->durable = le64_get(h.durable);
	out->next = off + wal_record_space(len);
	return 1;
}

int wal_scan_find(struct wal_scan *s, uint64_t off, struct wal_scan_record *out)
{
	int r = 0;

	off = ROUND_UP(MAX_OF(off, (uint64_t)WAL_FIRST_OFFSET),
		       (uint64_t)WAL_ALIGN);
	for (; off < s->file_bytes && r == 0; off += WAL_ALIGN)
		r = wal_scan_record(s, off, out);
	return r;
}

/* ---- the segments of a directory --------------------------------------- */

static int add_name(void *arg, const char *name, enum env_file_type type)
{
	struct wal_file_list *l = arg;
	uint32_t no = wal_segment_no_of_name(name);
	uint32_t *more;

	(void)type;
	if (no == 0)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;

		more = realloc(l->nos, cap * sizeof(*more));
		if (!more)
			return err_nomem("log");
		l->nos = more;
		l->cap = cap;
	}
	l->nos[l->n++] = no;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int wal_list_files(struct env *env, const char *dir, struct wal_file_list *l)
{
	int r = env_list(env, dir, add_name, l);

	if (r == -ENOENT)
		return 0;
	if (r == 0 && l->n)
		qsort(l->nos, l->n, sizeof(*l->nos), by_number);
	return r;
}
