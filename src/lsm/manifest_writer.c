/* SPDX-License-Identifier: MIT */
#include "lsm/manifest_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/err.h"
#include "base/log.h"
#include "lsm/file_name.h"
#include "lsm/manifest_format.h"

/* Space is reserved in steps of this many bytes, while less than half of a
 * step is left: enough for the records of a start on a full disk. */
#define RESERVE_STEP (64u << 10)

struct manifest_writer {
	struct env *env;
	struct env_file *file;
	uint64_t file_no;
	uint64_t end;	   /* behind the last record */
	uint64_t reserved; /* size of the file */
	bool is_broken;
	bool lacks_space;  /* and nothing but room is missing */
	struct buf record; /* reused */
};

static int writer_new(struct env *env, const char *dir, uint64_t file_no,
		      unsigned flags, struct manifest_writer **out)
{
	struct manifest_writer *m = calloc(1, sizeof(*m));
	struct buf path = BUF_INIT;
	int r;

	if (!m)
		return err_nomem("manifest");
	m->env = env;
	m->file_no = file_no;
	r = path_manifest(&path, dir, file_no);
	if (r == 0)
		r = env_open(env, path_of(&path), flags, &m->file);
	buf_fini(&path);
	if (r < 0) {
		free(m);
		return r;
	}
	*out = m;
	return 0;
}

/* Reserves space ahead. A hint: the write itself will tell. */
static void reserve(struct manifest_writer *m, uint64_t need)
{
	uint64_t want;

	if (m->end + need + RESERVE_STEP / 2 <= m->reserved)
		return;
	want = ROUND_UP(m->end + need + RESERVE_STEP, (uint64_t)RESERVE_STEP);
	if (env_allocate(m->file, m->reserved, want - m->reserved) == 0)
		m->reserved = want;
}

static int encode_record(struct manifest_writer *m, struct tt_slice edit)
{
	struct manifest_record h;
	struct manifest_record *at;
	size_t space = (size_t)manifest_record_space(edit.len);
	int r;

	if (edit.len == 0 || edit.len > MANIFEST_RECORD_MAX)
		return err_set(TT_ETOOBIG, "manifest record of %zu bytes",
			       edit.len);
	memset(&h, 0, sizeof(h));
	h.len = le32_make((uint32_t)edit.len);
	buf_clear(&m->record);
	r = buf_append(&m->record, &h, sizeof(h));
	if (r == 0)
		r = buf_append_slice(&m->record, edit);
	if (r == 0)
		r = buf_append_fill(&m->record, 0, space - m->record.len);
	if (r < 0)
		return r;
	at = (struct manifest_record *)(void *)m->record.data;
	at->checksum = le64_make(manifest_record_sum(at, m->file_no, m->end));
	return 0;
}

/*
 * A record found no room, code `no_space`. What was written of it may be all
 * but its padding, and would count: makes sure, durably, that it does not. If
 * that finds no room either, the writer is broken until there is a new one.
 */
static COLD int take_back(struct manifest_writer *m, int no_space)
{
	static const uint8_t zeros[sizeof(struct manifest_record)];
	struct err_saved why;
	uint64_t size;
	int r;

	err_save(&why, no_space);
	r = env_file_size(m->file, &size);
	if (r == 0 && size > m->end) {
		r = env_write(m->file, m->end, zeros,
			      MIN_OF(sizeof(zeros), (size_t)(size - m->end)));
		if (r == 0)
			r = env_sync(m->file, ENV_SYNC_DATA);
	}
	if (r == 0)
		return err_restore(&why);
	m->is_broken = true;
	m->lacks_space = err_is_no_space(r);
	if (m->lacks_space)
		return r;
	return err_set(-EIO, "%s: cannot take back: %s", m->file->path,
		       why.text);
}

int manifest_append(struct manifest_writer *m, struct tt_slice edit)
{
	int r;

	if (m->is_broken)
		return err_set(
			TT_EPOISONED,
			"%s: an earlier write failed, and what is on the "
			"disk is not known",
			m->file->path);
	r = encode_record(m, edit);
	if (r < 0)
		return r;
	reserve(m, m->record.len);
	r = env_write(m->file, m->end, m->record.data, m->record.len);
	if (err_is_no_space(r))
		return take_back(m, r);
	if (r == 0) {
		r = env_sync(m->file, ENV_SYNC_DATA);
		m->lacks_space = err_is_no_space(r);
	}
	if (r < 0) {
		m->is_broken = true;
		return r;
	}
	m->end += m->record.len;
	if (m->reserved < m->end)
		m->reserved = m->end;
	return 0;
}

void manifest_break(struct manifest_writer *m)
{
	m->is_broken = true;
	m->lacks_space = false;
}

bool manifest_is_broken(const struct manifest_writer *m)
{
	return m->is_broken;
}

bool manifest_lacks_space(const struct manifest_writer *m)
{
	return m->is_broken && m->lacks_space;
}

static int write_header(struct manifest_writer *m)
{
	struct manifest_header h;

	memset(&h, 0, sizeof(h));
	memcpy(h.magic, MANIFEST_MAGIC, sizeof(h.magic));
	h.version = le32_make(MANIFEST_VERSION);
	h.file_no = le64_make(m->file_no);
	h.checksum = le64_make(checksum(&h, 24));
	m->end = sizeof(h);
	return env_write(m->file, 0, &h, sizeof(h));
}

int manifest_create(struct env *env, const char *dir, uint64_t file_no,
		    struct tt_slice snapshot, struct manifest_writer **out)
{
	struct manifest_writer *m;
	struct err_saved saved;
	struct buf path = BUF_INIT;
	int r = writer_new(env, dir, file_no,
			   ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNC, &m);

	if (r < 0)
		return r;
	reserve(m, snapshot.len);
	r = write_header(m);
	if (r == 0)
		r = manifest_append(m, snapshot);
	if (r == 0)
		r = env_sync_dir(env, dir);
	if (r == 0) {
		*out = m;
		return 0;
	}
	err_save(&saved, r);
	(void)manifest_close(m); /* the first failure counts */
	if (path_manifest(&path, dir, file_no) == 0)
		(void)env_unlink(env, path_of(&path)); /* found at next open */
	buf_fini(&path);
	return err_restore(&saved);
}

/* Zeros from the end of the records to the end of the file: a torn record
 * must not lie behind the next one. */
static int wipe_tail(struct manifest_writer *m)
{
	static const uint8_t zeros[4096];
	uint64_t at = m->end;

	while (at < m->reserved) {
		size_t n = (size_t)MIN_OF(m->reserved - at,
					  (uint64_t)sizeof(zeros));
		int r = env_write(m->file, at, zeros, n);

		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

int manifest_reopen(struct env *env, const char *dir, uint64_t file_no,
		    uint64_t end, bool is_torn, struct manifest_writer **out)
{
	struct manifest_writer *m;
	int r = writer_new(env, dir, file_no, ENV_READ | ENV_WRITE, &m);

	if (r < 0)
		return r;
	m->end = end;
	r = env_file_size(m->file, &m->reserved);
	if (r == 0 && is_torn)
		r = wipe_tail(m);
	if (r == 0)
		r = env_sync(m->file, ENV_SYNC_FULL);
	if (r < 0) {
		struct err_saved saved;

		err_save(&saved, r);
		(void)manifest_close(m); /* the first failure counts */
		return err_restore(&saved);
	}
	*out = m;
	return 0;
}

int manifest_close(struct manifest_writer *m)
{
	int r;

	if (!m)
		return 0;
	r = env_close(m->file);
	buf_fini(&m->record);
	free(m);
	return r;
}

uint64_t manifest_file_no(const struct manifest_writer *m)
{
	return m->file_no;
}

uint64_t manifest_size(const struct manifest_writer *m)
{
	return m->end;
}

int manifest_set_current(struct env *env, const char *dir, uint64_t file_no)
{
	struct buf text = BUF_INIT, path = BUF_INIT;
	int r = buf_printf(&text,
			   CURRENT_MAGIC " %u " FILE_MANIFEST_PREFIX
					 "%06" PRIu64 " ",
			   CURRENT_VERSION, file_no);

	if (r == 0)
		r = buf_printf(&text, "%016" PRIx64 "\n",
			       checksum(text.data, text.len));
	if (r == 0)
		r = path_join(&path, dir, FILE_CURRENT);
	if (r == 0)
		r = env_replace_file(env, path_of(&path), buf_slice(&text));
	buf_fini(&text);
	buf_fini(&path);
	return r;
}
