/* SPDX-License-Identifier: MIT */
#include "lsm/backup_list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/backup_format.h"
#include "lsm/file_name.h"
#include "lsm/newdir.h"

static const char *const kind_names[N_BACKUP_KINDS] = {
	[BACKUP_MANIFEST] = "manifest", [BACKUP_TABLE] = "table",
	[BACKUP_VALUES] = "values",	[BACKUP_LOG] = "log",
	[BACKUP_OPTIONS] = "options",
};

/* "end ", 16 digits, a newline. */
#define END_WORD "end"
#define END_LEN (sizeof(END_WORD) + 16 + 1)

/* ---- making ----------------------------------------------------------- */

int backup_list_begin(struct buf *out, const struct backup_head *h)
{
	return buf_printf(out,
			  BACKUP_LIST_MAGIC " %u\nbackup %" PRIu64 " %" PRId64
					    "\n",
			  BACKUP_LIST_VERSION, h->id, h->time);
}

int backup_list_add(struct buf *out, const struct backup_file *f)
{
	int r = buf_printf(out, "%s %" PRIu64 " %" PRIu64 " %016" PRIx64,
			   kind_names[f->kind], f->no, f->bytes, f->sum);

	if (r == 0 && backup_is_shared(f->kind))
		r = buf_printf(out, " %016" PRIx64, f->identity);
	return r == 0 ? buf_append_byte(out, '\n') : r;
}

int backup_list_end(struct buf *out)
{
	return buf_printf(out, END_WORD " %016" PRIx64 "\n",
			  checksum(out->data, out->len));
}

/* ---- reading ---------------------------------------------------------- */

/* Takes a blank and a number without leading zeros. */
static bool take_number(struct tt_slice *s, uint64_t *out)
{
	const uint8_t *p = slice_bytes(*s);
	uint64_t v = 0;
	size_t n = 1;

	if (s->len < 2 || p[0] != ' ' ||
	    (p[1] == '0' && s->len > 2 && p[2] >= '0' && p[2] <= '9'))
		return false;
	for (; n < s->len && p[n] >= '0' && p[n] <= '9'; n++) {
		if (v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(p[n] - '0');
	}
	if (n == 1)
		return false;
	*out = v;
	*s = slice_skip(*s, n);
	return true;
}

static bool take_digits(struct tt_slice *s, uint64_t *out)
{
	const uint8_t *p = slice_bytes(*s);
	uint64_t v = 0;

	if (s->len < 16)
		return false;
	for (int i = 0; i < 16; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (uint64_t)(p[i] - '0');
		else if (p[i] >= 'a' && p[i] <= 'f')
			v = v << 4 | (uint64_t)(p[i] - 'a' + 10);
		else
			return false;
	}
	*out = v;
	*s = slice_skip(*s, 16);
	return true;
}

static bool take_word(struct tt_slice *s, const char *word)
{
	size_t n = strlen(word);

	if (s->len < n || memcmp(s->data, word, n) != 0)
		return false;
	*s = slice_skip(*s, n);
	return true;
}

/* Takes a blank and a sum. */
static bool take_sum(struct tt_slice *s, uint64_t *out)
{
	return take_word(s, " ") && take_digits(s, out);
}

/* Reads one line of a file, the newline included. */
static bool take_file(struct tt_slice *s, struct backup_file *f)
{
	unsigned kind = 0;

	memset(f, 0, sizeof(*f));
	while (kind < N_BACKUP_KINDS && !take_word(s, kind_names[kind]))
		kind++;
	if (kind == N_BACKUP_KINDS)
		return false;
	f->kind = (enum backup_kind)kind;
	if (!take_number(s, &f->no) || !take_number(s, &f->bytes) ||
	    !take_sum(s, &f->sum))
		return false;
	if (backup_is_shared(f->kind) && !take_sum(s, &f->identity))
		return false;
	if (f->kind == BACKUP_LOG &&
	    (f->no > UINT32_MAX || f->bytes > UINT32_MAX))
		return false;
	return f->no != 0 && (f->kind != BACKUP_OPTIONS || f->no == 1) &&
	       take_word(s, "\n");
}

/*
 * The text between the first line and the last, both checked. The sum comes
 * first, so that a damaged version number is damage and not another version.
 */
static int check_frame(const char *path, struct tt_slice text,
		       struct tt_slice *out)
{
	struct tt_slice end, all = text;
	uint64_t sum, version;

	if (!take_word(&text, BACKUP_LIST_MAGIC) || text.len < END_LEN)
		return err_set(TT_ECORRUPT, "%s: not the list of a backup",
			       path);
	end = slice_skip(text, text.len - END_LEN);
	if (!take_word(&end, END_WORD) || !take_sum(&end, &sum) ||
	    !take_word(&end, "\n") ||
	    sum != checksum(all.data, all.len - END_LEN))
		return err_set(TT_ECORRUPT,
			       "%s: %zu bytes that fail their checksum", path,
			       all.len);
	if (!take_number(&text, &version) || !take_word(&text, "\n"))
		return err_set(TT_ECORRUPT, "%s: line 1: no version", path);
	if (version != BACKUP_LIST_VERSION)
		return err_set(TT_EVERSION,
			       "%s: list of version %" PRIu64
			       "; this program reads version %u",
			       path, version, BACKUP_LIST_VERSION);
	*out = slice_first(text, text.len - END_LEN);
	return 0;
}

static bool take_head(struct tt_slice *s, struct backup_head *h)
{
	uint64_t time;

	if (!take_word(s, "backup") || !take_number(s, &h->id) ||
	    !take_number(s, &time) || !take_word(s, "\n"))
		return false;
	h->time = (int64_t)time;
	return h->id != 0;
}

static int check_files(const char *path, struct tt_slice s)
{
	unsigned line = 3, n_manifests = 0;
	struct backup_file f;

	for (; s.len; line++) {
		if (!take_file(&s, &f))
			return err_set(TT_ECORRUPT,
				       "%s: line %u does not describe a file",
				       path, line);
		n_manifests += f.kind == BACKUP_MANIFEST;
	}
	if (n_manifests != 1)
		return err_set(TT_ECORRUPT, "%s: names %u manifests, not one",
			       path, n_manifests);
	return 0;
}

/* Of files that have been checked. */
static int each_file(struct tt_slice s, backup_file_fn fn, void *arg)
{
	struct backup_file f;
	int r = 0;

	while (r == 0 && take_file(&s, &f))
		r = fn(arg, &f);
	return r;
}

int backup_list_parse(const char *path, struct tt_slice text,
		      struct backup_head *h, backup_file_fn fn, void *arg)
{
	struct tt_slice files = SLICE_EMPTY;
	int r = check_frame(path, text, &files);

	if (r == 0 && !take_head(&files, h))
		r = err_set(TT_ECORRUPT, "%s: line 2: not a backup's", path);
	if (r == 0)
		r = check_files(path, files);
	return r == 0 && fn ? each_file(files, fn, arg) : r;
}

int backup_list_load(struct env *env, const char *dir, uint64_t id,
		     struct buf *text, struct backup_head *h)
{
	struct buf path = BUF_INIT;
	int r = path_backup_list(&path, dir, id);

	buf_clear(text);
	if (r == 0)
		r = env_read_file(env, path_of(&path), BACKUP_LIST_MAX, text);
	if (r == 0)
		r = backup_list_parse(path_of(&path), buf_slice(text), h, NULL,
				      NULL);
	if (r == 0 && h->id != id)
		r = err_set(TT_ECORRUPT, "%s: is the list of backup %" PRIu64,
			    path_of(&path), h->id);
	buf_fini(&path);
	return r;
}

int backup_list_each(const struct buf *text, backup_file_fn fn, void *arg)
{
	struct backup_head h;

	return backup_list_parse(FILE_BACKUP_LIST, buf_slice(text), &h, fn,
				 arg);
}

/* ---- names ------------------------------------------------------------ */

static int finish(struct buf *out, int r)
{
	if (r < 0)
		return r;
	return buf_cstr(out) ? 0 : -ENOMEM;
}

int path_backup(struct buf *out, const char *dir, uint64_t id)
{
	buf_clear(out);
	return finish(out, buf_printf(out, "%s/%06" PRIu64, dir, id));
}

int path_backup_list(struct buf *out, const char *dir, uint64_t id)
{
	buf_clear(out);
	return finish(out, buf_printf(out, "%s/%06" PRIu64 "/" FILE_BACKUP_LIST,
				      dir, id));
}

static const char *shared_dir(enum backup_kind kind)
{
	return kind == BACKUP_TABLE ? DIR_TABLES : DIR_VALUES;
}

static const char *shared_suffix(enum backup_kind kind)
{
	return kind == BACKUP_TABLE ? TABLE_SUFFIX : VALUE_SUFFIX;
}

int path_shared(struct buf *out, const char *dir, enum backup_kind kind)
{
	return path_join(out, dir, shared_dir(kind));
}

int path_shared_tmp(struct buf *out, const char *dir,
		    const struct backup_file *f)
{
	buf_clear(out);
	return finish(out, buf_printf(out, "%s/%s/%06" PRIu64 "%s" TMP_SUFFIX,
				      dir, shared_dir(f->kind), f->no,
				      shared_suffix(f->kind)));
}

static int path_shared_file(struct buf *out, const char *dir,
			    const struct backup_file *f)
{
	buf_clear(out);
	return finish(out,
		      buf_printf(out,
				 "%s/%s/%06" PRIu64 "-%016" PRIx64
				 "-%016" PRIx64 "%s",
				 dir, shared_dir(f->kind), f->no, f->identity,
				 f->sum, shared_suffix(f->kind)));
}

int path_own_file(struct buf *out, const char *own, const struct backup_file *f)
{
	int r = -EINVAL;

	buf_clear(out);
	switch (f->kind) {
	case BACKUP_MANIFEST:
		return path_manifest(out, own, f->no);
	case BACKUP_OPTIONS:
		return path_join(out, own, FILE_OPTIONS);
	case BACKUP_LOG:
		r = buf_printf(out, "%s/%06" PRIu64 ".wal", own, f->no);
		break;
	case BACKUP_TABLE:
	case BACKUP_VALUES:
		break;
	}
	return finish(out, r);
}

int path_backup_file(struct buf *out, const char *dir, uint64_t id,
		     const struct backup_file *f)
{
	struct buf own = BUF_INIT;
	int r;

	if (backup_is_shared(f->kind))
		return path_shared_file(out, dir, f);
	r = path_backup(&own, dir, id);
	if (r == 0)
		r = path_own_file(out, path_of(&own), f);
	buf_fini(&own);
	return r;
}

int path_restored(struct buf *out, const char *dir, const struct backup_file *f)
{
	switch (f->kind) {
	case BACKUP_TABLE:
		return path_table(out, dir, f->no);
	case BACKUP_VALUES:
		return path_values(out, dir, f->no);
	case BACKUP_LOG:
		return path_segment(out, dir, f->no);
	case BACKUP_MANIFEST:
	case BACKUP_OPTIONS:
		return path_own_file(out, dir, f);
	}
	return -EINVAL;
}

uint64_t backup_id_of_name(const char *name, bool *is_unfinished)
{
	char again[64];
	uint64_t id = 0;
	const char *p = name;

	for (; *p >= '0' && *p <= '9' && p - name < 18; p++)
		id = id * 10 + (uint64_t)(*p - '0');
	*is_unfinished = *p != '\0';
	(void)snprintf(again, sizeof(again), "%06" PRIu64 "%s", id,
		       *is_unfinished ? UNFINISHED_SUFFIX : "");
	return strcmp(again, name) == 0 ? id : 0;
}

bool backup_shared_of_name(const char *name, struct backup_file *out)
{
	struct tt_slice s = { name, strlen(name) };
	struct backup_file f = { .kind = BACKUP_TABLE };
	const uint8_t *p = slice_bytes(s);
	size_t n = 0;

	for (; n < s.len && n < 18 && p[n] >= '0' && p[n] <= '9'; n++)
		f.no = f.no * 10 + (uint64_t)(p[n] - '0');
	s = slice_skip(s, n);
	if (n < 6 || f.no == 0 || !take_word(&s, "-") ||
	    !take_digits(&s, &f.identity) || !take_word(&s, "-") ||
	    !take_digits(&s, &f.sum))
		return false;
	if (slice_eq(s, slice_str(VALUE_SUFFIX)))
		f.kind = BACKUP_VALUES;
	else if (!slice_eq(s, slice_str(TABLE_SUFFIX)))
		return false;
	*out = f;
	return true;
}

bool backup_is_shared_tmp(const char *name)
{
	return name_is_table_tmp(name) || name_is_values_tmp(name);
}
