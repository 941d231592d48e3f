/* SPDX-License-Identifier: MIT */
#include "lsm/manifest_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/direct.h"
#include "base/env.h"
#include "base/err.h"
#include "lsm/file_name.h"
#include "lsm/manifest_format.h"
#include "lsm/version_edit.h"

/* A manifest is rolled over long before it is this large. */
#define MANIFEST_FILE_MAX ((size_t)1 << 31)

/* ---- CURRENT ---------------------------------------------------------- */

static int current_parse(const char *path, struct buf *text, uint64_t *out)
{
	unsigned version;
	char name[64];
	uint64_t sum;
	int name_end = 0;
	const char *s = buf_cstr(text);

	if (!s)
		return err_nomem("CURRENT");
	/* NOLINTNEXTLINE(cert-err34-c): any number but one is refused */
	if (sscanf(s, CURRENT_MAGIC " %u ", &version) != 1)
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: does not begin as it should",
			       path);
	if (version != CURRENT_VERSION)
		return err_set(TT_EVERSION,
			       "%s: format version %u; this program knows "
			       "version %u",
			       path, version, CURRENT_VERSION);
	/* NOLINTNEXTLINE(cert-err34-c): a wrong sum is refused */
	if (sscanf(s, CURRENT_MAGIC " %*u %63s %n%" SCNx64, name, &name_end,
		   &sum) != 2 ||
	    sum != checksum(s, (size_t)name_end) ||
	    manifest_no_of_name(name) == 0)
		return err_set(TT_ECORRUPT, "%s: offset 0: fails its checksum",
			       path);
	*out = manifest_no_of_name(name);
	return 0;
}

int current_read(struct env *env, const char *dir, uint64_t *out_file_no)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int r = path_join(&path, dir, FILE_CURRENT);

	if (r == 0)
		r = env_read_file(env, path_of(&path), CURRENT_MAX, &text);
	if (r == -EFBIG)
		r = err_set(TT_ECORRUPT, "%s: offset %u: too long",
			    path_of(&path), CURRENT_MAX);
	if (r == 0)
		r = current_parse(path_of(&path), &text, out_file_no);
	buf_fini(&path);
	buf_fini(&text);
	return r;
}

/* ---- manifests -------------------------------------------------------- */

struct manifest_view {
	const char *path;
	const uint8_t *data;
	uint64_t len;
	uint64_t file_no;
};

static int check_header(struct manifest_view *v)
{
	struct manifest_header h;

	if (v->len < sizeof(h))
		return err_set(TT_ECORRUPT, "%s: offset 0: header is cut short",
			       v->path);
	memcpy(&h, v->data, sizeof(h));
	if (memcmp(h.magic, MANIFEST_MAGIC, sizeof(h.magic)) != 0)
		return err_set(TT_ECORRUPT, "%s: offset 0: not a manifest",
			       v->path);
	if (le32_get(h.version) != MANIFEST_VERSION)
		return err_set(TT_EVERSION,
			       "%s: format version %" PRIu32
			       "; this program knows version %u",
			       v->path, le32_get(h.version), MANIFEST_VERSION);
	if (le64_get(h.checksum) != checksum(&h, 24))
		return err_set(TT_ECORRUPT,
			       "%s: offset 0: header fails its checksum",
			       v->path);
	if (le64_get(h.features) != 0)
		return err_set(TT_EVERSION,
			       "%s: features %" PRIx64
			       "; this program knows none",
			       v->path, le64_get(h.features));
	v->file_no = le64_get(h.file_no);
	return 0;
}

/* True when a record verifies at `at`; *payload is inside the view. */
static bool record_at(const struct manifest_view *v, uint64_t at,
		      struct tt_slice *payload)
{
	struct manifest_record h;
	uint32_t len;

	if (v->len - at < sizeof(h))
		return false;
	memcpy(&h, v->data + at, sizeof(h));
	len = le32_get(h.len);
	if (len == 0 || len > MANIFEST_RECORD_MAX || le32_get(h.zero) != 0 ||
	    len > v->len - at - sizeof(h))
		return false;
	if (le64_get(h.checksum) !=
	    checksum_seeded(v->data + at + 8, 8 + (size_t)len,
			    manifest_seed(v->file_no, at)))
		return false;
	*payload = SLICE(v->data + at + sizeof(h), len);
	return true;
}

/* The first valid record behind `at`, 0 when there is none. */
static uint64_t find_later_record(const struct manifest_view *v, uint64_t at)
{
	struct tt_slice payload;

	for (at += MANIFEST_ALIGN; at < v->len; at += MANIFEST_ALIGN)
		if (record_at(v, at, &payload))
			return at;
	return 0;
}

static int each_record(const struct manifest_view *v, manifest_edit_fn fn,
		       void *arg, struct manifest_end *out)
{
	uint64_t at = sizeof(struct manifest_header);
	struct tt_slice payload;

	*out = (struct manifest_end){ .end = at };
	while (at < v->len && record_at(v, at, &payload)) {
		struct version_edit edit;
		int r;

		version_edit_init(&edit);
		r = version_edit_decode(&edit, payload);
		if (r == TT_ECORRUPT)
			r = err_set(r,
				    "%s: offset %" PRIu64
				    ": record does not decode",
				    v->path, at);
		if (r == 0)
			r = fn(arg, at, &edit);
		version_edit_fini(&edit);
		if (r != 0)
			return r;
		at += manifest_record_space(payload.len);
		out->end = at;
		out->n_records++;
	}
	return 0;
}

static bool is_zero(const uint8_t *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int check_tail(const struct manifest_view *v, struct manifest_end *end)
{
	uint64_t later;

	if (end->end >= v->len ||
	    is_zero(v->data + end->end, v->len - end->end))
		return 0;
	later = find_later_record(v, end->end);
	if (later)
		return err_set(TT_ECORRUPT,
			       "%s: offset %" PRIu64
			       ": record fails its checksum, and a valid one "
			       "follows at %" PRIu64,
			       v->path, end->end, later);
	end->is_torn = true;
	return 0;
}

/* The whole file, as the disk has it; the header says why. */
static int read_all(struct env *env, const char *path, struct direct_window *w)
{
	struct env_file *f;
	uint64_t size;
	int r = env_open(env, path, ENV_READ | ENV_DIRECT, &f);

	if (r < 0)
		return r;
	r = env_file_size(f, &size);
	if (r == 0 && size > MANIFEST_FILE_MAX)
		r = err_set(-EFBIG,
			    "%s: %" PRIu64 " bytes, at most %zu expected", path,
			    size, MANIFEST_FILE_MAX);
	if (r == 0)
		r = direct_window_read(w, f, 0, (size_t)size);
	(void)env_close(f); /* nothing was written */
	return r;
}

int manifest_read(struct env *env, const char *path, manifest_edit_fn fn,
		  void *arg, struct manifest_end *out)
{
	struct manifest_view v = { .path = path };
	struct direct_window bytes = { .data = NULL };
	int r = read_all(env, path, &bytes);

	if (r < 0)
		goto out;
	v.data = bytes.data;
	v.len = bytes.len;
	r = check_header(&v);
	if (r == 0)
		r = each_record(&v, fn, arg, out);
	if (r == 0)
		r = check_tail(&v, out);
	if (r == 0 && out->n_records == 0)
		r = err_set(TT_ECORRUPT,
			    "%s: offset %zu: first record is missing", path,
			    sizeof(struct manifest_header));
out:
	direct_window_fini(&bytes);
	return r;
}
