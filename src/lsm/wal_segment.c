/* SPDX-License-Identifier: MIT */
/*
 * Making segment files.
 *
 * A new file is allocated: stores into its mapping cannot fail for space
 * (SIGBUS). When somebody syncs, it is also written with zeros and synced, so
 * that no sync has to commit the journal for unwritten extents; nobody does
 * (yet), it is left raw, since its zeros would be as many bytes written as
 * its records. An old one is renamed first and gets its new
 * header then; between the two its name and its header disagree, and nobody
 * takes such a file for part of a log. The name is durable before the
 * segment is handed out.
 */
#include "lsm/wal_segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/wal_format.h"
#include "lsm/wal_reader.h"

/* The kernel sizes its folios after the writes that make them, and a store
 * through a mapping makes a whole folio dirty: with large ones each sync of a
 * small record would write up to megabytes. Devices take this much as fast as
 * a page, and a fill has four times fewer folios to handle than with pages. */
#define ZERO_BYTES ((size_t)16 << 10)

static int write_zeros(struct env_file *f, uint32_t bytes)
{
	static const uint8_t zeros[ZERO_BYTES];
	int r = 0;

	for (uint32_t at = 0; at < bytes && r == 0; at += ZERO_BYTES)
		r = env_write(f, at, zeros,
			      MIN_OF(ZERO_BYTES, (size_t)(bytes - at)));
	return r;
}

/* Maps the open file of `s` and writes its identity, without a link. */
static int map_segment(struct wal_segment *s)
{
	struct wal_segment_header h = { 0 };
	int r = env_map(s->file, 0, s->bytes, true, &s->map);

	if (r < 0)
		return r;
	r = env_map_populate(s->map, 0, s->bytes);
	if (r < 0)
		return r;
	memcpy(h.magic, WAL_MAGIC, sizeof(h.magic));
	h.version = le32_make(WAL_VERSION);
	h.segment_no = le64_make(s->no);
	h.features = le64_make(WAL_FEATURES_KNOWN);
	h.checksum = le64_make(wal_identity_sum(&h));
	memcpy(s->map->base, &h, sizeof(h));
	return 0;
}

static int segment_new(uint32_t no, uint32_t bytes, struct wal_segment **out)
{
	struct wal_segment *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem("log segment");
	list_init(&s->link);
	s->no = no;
	s->bytes = bytes;
	*out = s;
	return 0;
}

int wal_segment_create(struct env *env, const char *dir, uint32_t no,
		       uint32_t bytes, bool is_raw, struct wal_segment **out)
{
	struct wal_segment *s = NULL;
	struct buf path = BUF_INIT;
	struct err_saved why;
	int r = segment_new(no, bytes, &s);

	if (r < 0)
		return r;
	r = wal_segment_path(&path, dir, no);
	if (r < 0)
		goto out;
	r = env_open(env, (char *)path.data,
		     ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNC, &s->file);
	if (r == 0)
		r = env_allocate(s->file, 0, bytes);
	if (r == 0 && !is_raw)
		r = write_zeros(s->file, bytes);
	if (r == 0)
		r = env_sync(s->file, ENV_SYNC_FULL);
	if (r == 0)
		r = map_segment(s);
	if (r == 0)
		r = env_sync_dir(env, dir);
out:
	if (r == 0) {
		s->is_raw = is_raw;
		*out = s;
	} else {
		err_save(&why, r);
		if (s->file)
			(void)env_unlink(env, (char *)path.data);
		wal_segment_free(s);
		(void)err_restore(&why);
	}
	buf_fini(&path);
	return r;
}

int wal_segment_revive(struct env *env, const char *dir, uint32_t old_no,
		       uint32_t no, uint32_t bytes, struct wal_segment **out)
{
	struct wal_segment *s = NULL;
	struct buf from = BUF_INIT, to = BUF_INIT;
	int r = segment_new(no, bytes, &s);

	if (r < 0)
		return r;
	r = wal_segment_path(&from, dir, old_no);
	if (r == 0)
		r = wal_segment_path(&to, dir, no);
	if (r == 0)
		r = env_rename(env, (char *)from.data, (char *)to.data);
	if (r == 0)
		r = env_open(env, (char *)to.data, ENV_READ | ENV_WRITE,
			     &s->file);
	if (r == 0)
		r = map_segment(s);
	if (r == 0)
		r = env_sync_dir(env, dir);
	if (r == 0)
		*out = s;
	else
		wal_segment_free(s);
	buf_fini(&from);
	buf_fini(&to);
	return r;
}

void wal_segment_unmap(struct wal_segment *s)
{
	(void)env_unmap(s->map);
	s->map = NULL;
}

void wal_segment_close(struct wal_segment *s)
{
	wal_segment_unmap(s);
	/* A failure here would be one of writing back, and what must reach
	 * the disk has been synced. */
	(void)env_close(s->file);
	s->file = NULL;
}

void wal_segment_free(struct wal_segment *s)
{
	if (!s)
		return;
	wal_segment_close(s);
	free(s);
}

void wal_segment_link(struct wal_segment *s, uint64_t lsn)
{
	struct wal_segment_header *h = (void *)s->map->base;

	h->link = le64_make(lsn);
	h->link_checksum = le64_make(wal_link_sum(h));
}

int wal_segment_unlink(struct env *env, const char *dir, uint32_t no)
{
	struct buf path = BUF_INIT;
	int r = wal_segment_path(&path, dir, no);

	if (r == 0)
		r = env_unlink(env, (char *)path.data);
	buf_fini(&path);
	return r;
}
