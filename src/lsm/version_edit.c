/* SPDX-License-Identifier: MIT */
#include "lsm/version_edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/varint.h"
#include "lsm/manifest_format.h"
#include "lsm/record.h"
#include "lsm/value_format.h"
#include "ttrunks.h"

void version_edit_init(struct version_edit *e)
{
	memset(e, 0, sizeof(*e));
}

static void free_key(struct tt_slice key)
{
	if (!key_is_largest(key))
		free((void *)key.data);
}

void version_edit_fini(struct version_edit *e)
{
	for (size_t i = 0; i < e->n_added; i++) {
		free_key(e->added[i].min_key);
		free_key(e->added[i].max_key);
		free((void *)e->added[i].values);
	}
	free(e->added);
	free(e->dropped);
	free(e->named_values);
	free(e->dropped_values);
	version_edit_init(e);
}

void version_edit_forget_lists(struct version_edit *e)
{
	e->added = NULL;
	e->n_added = e->cap_added = 0;
	e->dropped = NULL;
	e->n_dropped = e->cap_dropped = 0;
	e->named_values = NULL;
	e->n_named_values = e->cap_named_values = 0;
	e->dropped_values = NULL;
	e->n_dropped_values = e->cap_dropped_values = 0;
}

static int copy_key(struct tt_slice *key)
{
	void *p;

	if (key_is_largest(*key))
		return 0;
	p = malloc(key->len + 1);
	if (!p)
		return err_nomem("version edit");
	if (key->len)
		memcpy(p, key->data, key->len);
	key->data = p;
	return 0;
}

static int copy_values(struct table_desc *d)
{
	size_t n = d->n_values * sizeof(*d->values);
	void *p = NULL;

	if (n) {
		p = malloc(n);
		if (!p)
			return err_nomem("version edit");
		memcpy(p, d->values, n);
	}
	d->values = p;
	return 0;
}

int version_edit_add(struct version_edit *e, const struct table_desc *d)
{
	struct table_desc copy = *d;

	if (e->n_added == e->cap_added) {
		size_t cap = e->cap_added ? 2 * e->cap_added : 8;
		struct table_desc *p = realloc(e->added, cap * sizeof(*p));

		if (!p)
			return err_nomem("version edit");
		e->added = p;
		e->cap_added = cap;
	}
	if (copy_values(&copy) < 0)
		return -ENOMEM;
	if (copy_key(&copy.min_key) < 0) {
		free((void *)copy.values);
		return -ENOMEM;
	}
	if (copy_key(&copy.max_key) < 0) {
		free((void *)copy.values);
		free_key(copy.min_key);
		return -ENOMEM;
	}
	e->added[e->n_added++] = copy;
	return 0;
}

static int push_number(uint64_t **v, size_t *n, size_t *cap, uint64_t no)
{
	if (*n == *cap) {
		size_t more = *cap ? 2 * *cap : 8;
		uint64_t *p = realloc(*v, more * sizeof(*p));

		if (!p)
			return err_nomem("version edit");
		*v = p;
		*cap = more;
	}
	(*v)[(*n)++] = no;
	return 0;
}

int version_edit_drop(struct version_edit *e, uint64_t file_no)
{
	return push_number(&e->dropped, &e->n_dropped, &e->cap_dropped,
			   file_no);
}

int version_edit_name_values(struct version_edit *e,
			     const struct value_name *name)
{
	if (e->n_named_values == e->cap_named_values) {
		size_t cap = e->cap_named_values ? 2 * e->cap_named_values : 8;
		struct value_name *p =
			realloc(e->named_values, cap * sizeof(*p));

		if (!p)
			return err_nomem("version edit");
		e->named_values = p;
		e->cap_named_values = cap;
	}
	e->named_values[e->n_named_values++] = *name;
	return 0;
}

int version_edit_drop_values(struct version_edit *e, uint64_t file_no)
{
	return push_number(&e->dropped_values, &e->n_dropped_values,
			   &e->cap_dropped_values, file_no);
}

/* ---- encoding --------------------------------------------------------- */

static int put_pair(struct buf *out, enum edit_tag tag, uint64_t v)
{
	int r = buf_append_varint(out, (uint64_t)tag);

	return r < 0 ? r : buf_append_varint(out, v);
}

static int put_key(struct buf *out, struct tt_slice key)
{
	int r = buf_append_varint(out, key.len);

	return r < 0 ? r : buf_append_slice(out, key);
}

static int put_values(struct buf *out, const struct table_desc *d)
{
	int r = put_pair(out, EDIT_TABLE_VALUES, d->n_values);

	for (uint32_t i = 0; i < d->n_values && r == 0; i++) {
		r = buf_append_varint(out, d->values[i].file_no);
		if (r == 0)
			r = buf_append_varint(out, d->values[i].bytes);
	}
	return r;
}

static int put_ranges(struct buf *out, const struct table_desc *d)
{
	uint64_t flags = (d->max_is_open ? TABLE_MAX_IS_OPEN : 0u) |
			 (key_is_largest(d->max_key) ? TABLE_HAS_NO_END : 0u);
	int r = put_pair(out, EDIT_TABLE_RANGES, d->n_ranges);

	return r < 0 ? r : buf_append_varint(out, flags);
}

static int put_old(struct buf *out, const struct table_desc *d)
{
	int r = put_pair(out, EDIT_TABLE_OLD, d->old.n);

	if (r == 0)
		r = buf_append_varint(out, d->old.bytes);
	return r < 0 ? r : buf_append_varint(out, zigzag_fold(d->old.until));
}

static int put_table(struct buf *out, const struct table_desc *d)
{
	const uint64_t fields[] = {
		EDIT_ADD_TABLE,
		d->level,
		d->group,
		d->file_no,
		d->file_bytes,
		d->n_records,
		d->n_tombstones,
		d->raw_bytes,
		zigzag_fold(d->min_ts),
		zigzag_fold(d->max_ts),
	};
	bool has_end = !key_is_largest(d->max_key);
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(fields) && r == 0; i++)
		r = buf_append_varint(out, fields[i]);
	if (r == 0)
		r = put_key(out, d->min_key);
	if (r == 0)
		r = put_key(out, has_end ? d->max_key : d->min_key);
	if (r == 0 && d->n_ranges)
		r = put_ranges(out, d);
	if (r == 0 && d->n_values)
		r = put_values(out, d);
	return r == 0 && d->old.n ? put_old(out, d) : r;
}

static int put_name(struct buf *out, const struct merge_name *name)
{
	int r = buf_append_varint(out, EDIT_MERGE_NAME);

	return r < 0 ? r : put_key(out, slice_str(name->text));
}

static int put_named(struct buf *out, const struct value_name *name)
{
	int r = put_pair(out, EDIT_NAME_VALUES, name->file_no);

	if (r == 0)
		r = buf_append_varint(out, name->bytes);
	return r == 0 && name->bytes ? buf_append_varint(out, name->seal) : r;
}

int version_edit_encode(const struct version_edit *e, struct buf *out)
{
	int r = 0;

	if (e->has_next_file_no)
		r = put_pair(out, EDIT_NEXT_FILE_NO, e->next_file_no);
	if (r == 0 && e->has_replay_from)
		r = put_pair(out, EDIT_REPLAY_FROM, e->replay_from);
	if (r == 0 && e->has_last_ts)
		r = put_pair(out, EDIT_LAST_TS, zigzag_fold(e->last_ts));
	if (r == 0 && e->has_next_group)
		r = put_pair(out, EDIT_NEXT_GROUP, e->next_group);
	if (r == 0 && e->has_complete_from)
		r = put_pair(out, EDIT_COMPLETE_FROM,
			     zigzag_fold(e->complete_from));
	if (r == 0 && e->merge_name.text[0])
		r = put_name(out, &e->merge_name);
	for (size_t i = 0; i < e->n_dropped && r == 0; i++)
		r = put_pair(out, EDIT_DROP_TABLE, e->dropped[i]);
	for (size_t i = 0; i < e->n_named_values && r == 0; i++)
		r = put_named(out, &e->named_values[i]);
	for (size_t i = 0; i < e->n_added && r == 0; i++)
		r = put_table(out, &e->added[i]);
	for (size_t i = 0; i < e->n_dropped_values && r == 0; i++)
		r = put_pair(out, EDIT_DROP_VALUES, e->dropped_values[i]);
	return r;
}

/* ---- decoding --------------------------------------------------------- */

static int bad(const char *what)
{
	return err_set(TT_ECORRUPT, "version edit: %s", what);
}

static int get(struct tt_slice *in, uint64_t *out)
{
	return slice_take_varint(in, out) ? 0 : bad("number is cut short");
}

static int get_key(struct tt_slice *in, struct tt_slice *out)
{
	uint64_t n;
	int r = get(in, &n);

	if (r < 0)
		return r;
	if (n == 0 || n > TT_KEY_MAX || n > in->len)
		return bad("impossible key length");
	*out = slice_first(*in, (size_t)n);
	*in = slice_skip(*in, (size_t)n);
	return 0;
}

static int get_table(struct version_edit *e, struct tt_slice *in)
{
	struct table_desc d;
	uint64_t f[9];
	int r;

	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		r = get(in, &f[i]);
		if (r < 0)
			return r;
	}
	d = (struct table_desc){
		.level = (unsigned)f[0],
		.group = f[1],
		.file_no = f[2],
		.file_bytes = f[3],
		.n_records = f[4],
		.n_tombstones = f[5],
		.raw_bytes = f[6],
		.min_ts = zigzag_unfold(f[7]),
		.max_ts = zigzag_unfold(f[8]),
	};
	r = get_key(in, &d.min_key);
	if (r == 0)
		r = get_key(in, &d.max_key);
	if (r < 0)
		return r;
	if (f[0] >= N_LEVELS || d.file_no == 0)
		return bad("table of an impossible level or number");
	if (key_cmp(d.min_key, d.max_key) > 0)
		return bad("table whose keys are out of order");
	return version_edit_add(e, &d);
}

static int get_name(struct version_edit *e, struct tt_slice *in)
{
	struct tt_slice name;
	int r = get_key(in, &name);

	if (r < 0)
		return r;
	if (name.len > MERGE_NAME_MAX || memchr(name.data, 0, name.len))
		return bad("impossible name of a merge function");
	memcpy(e->merge_name.text, name.data, name.len);
	e->merge_name.text[name.len] = 0;
	return 0;
}

/* The references of the table added last. */
static int get_values(struct version_edit *e, struct tt_slice *in)
{
	struct table_desc *d = e->n_added ? &e->added[e->n_added - 1] : NULL;
	struct value_ref *v;
	uint64_t n, before = 0;
	int r = get(in, &n);

	if (r < 0)
		return r;
	if (!d || d->n_values || n == 0 || n > in->len / 2)
		return bad("impossible references to values");
	v = malloc(n * sizeof(*v));
	if (!v)
		return err_nomem("version edit");
	d->values = v;
	d->n_values = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++) {
		r = get(in, &v[i].file_no);
		if (r == 0)
			r = get(in, &v[i].bytes);
		if (r < 0)
			return r;
		if (v[i].file_no <= before || v[i].bytes == 0 ||
		    v[i].bytes > VALUE_FILE_MOST)
			return bad("impossible references to values");
		before = v[i].file_no;
		d->value_bytes += v[i].bytes;
	}
	return 0;
}

/* More about the table just added. */
static int get_ranges(struct version_edit *e, struct tt_slice *in)
{
	struct table_desc *d = e->n_added ? &e->added[e->n_added - 1] : NULL;
	uint64_t n, flags;
	int r = get(in, &n);

	if (r == 0)
		r = get(in, &flags);
	if (r < 0)
		return r;
	if (!d || d->n_ranges || n == 0 || n > d->n_records ||
	    flags > TABLE_HAS_NO_END)
		return bad("impossible range tombstones");
	d->n_ranges = n;
	d->max_is_open = flags == TABLE_MAX_IS_OPEN;
	if (flags == TABLE_HAS_NO_END) {
		free_key(d->max_key);
		d->max_key = KEY_LARGEST;
	}
	return 0;
}

static int get_old(struct version_edit *e, struct tt_slice *in)
{
	struct table_desc *d = e->n_added ? &e->added[e->n_added - 1] : NULL;
	uint64_t n, bytes, until;
	int r = get(in, &n);

	if (r == 0)
		r = get(in, &bytes);
	if (r == 0)
		r = get(in, &until);
	if (r < 0)
		return r;
	if (!d || d->old.n || n == 0 || n > d->n_records || bytes == 0)
		return bad("impossible old versions");
	d->old = (struct old_versions){ n, bytes, zigzag_unfold(until) };
	return 0;
}

static int get_named(struct version_edit *e, struct tt_slice *in)
{
	struct value_name name = { .seal = 0 };
	int r = get(in, &name.file_no);

	if (r == 0)
		r = get(in, &name.bytes);
	if (r == 0 && name.bytes)
		r = get(in, &name.seal);
	if (r < 0)
		return r;
	if (name.file_no == 0 || name.bytes > VALUE_FILE_MOST ||
	    (name.bytes && (name.bytes < VALUE_FIRST_OFFSET || !name.seal)))
		return bad("impossible value file");
	return version_edit_name_values(e, &name);
}

static int get_field(struct version_edit *e, uint64_t tag, struct tt_slice *in)
{
	uint64_t v;
	int r;

	if (tag == EDIT_ADD_TABLE)
		return get_table(e, in);
	if (tag == EDIT_TABLE_RANGES)
		return get_ranges(e, in);
	if (tag == EDIT_MERGE_NAME)
		return get_name(e, in);
	if (tag == EDIT_TABLE_VALUES)
		return get_values(e, in);
	if (tag == EDIT_NAME_VALUES)
		return get_named(e, in);
	if (tag == EDIT_TABLE_OLD)
		return get_old(e, in);
	if ((tag < EDIT_NEXT_FILE_NO || tag > EDIT_COMPLETE_FROM) &&
	    tag != EDIT_DROP_VALUES)
		return bad("unknown tag");
	r = get(in, &v);
	if (r < 0)
		return r;
	switch ((enum edit_tag)tag) {
	case EDIT_NEXT_FILE_NO:
		version_edit_set_next_file_no(e, v);
		break;
	case EDIT_REPLAY_FROM:
		version_edit_set_replay_from(e, v);
		break;
	case EDIT_LAST_TS:
		version_edit_set_last_ts(e, zigzag_unfold(v));
		break;
	case EDIT_NEXT_GROUP:
		version_edit_set_next_group(e, v);
		break;
	case EDIT_COMPLETE_FROM:
		version_edit_set_complete_from(e, zigzag_unfold(v));
		break;
	case EDIT_DROP_TABLE:
		return version_edit_drop(e, v);
	case EDIT_DROP_VALUES:
		return version_edit_drop_values(e, v);
	case EDIT_ADD_TABLE:
	case EDIT_TABLE_RANGES:
	case EDIT_MERGE_NAME:
	case EDIT_TABLE_VALUES:
	case EDIT_NAME_VALUES:
	case EDIT_TABLE_OLD:
		break;
	}
	return 0;
}

int version_edit_decode(struct version_edit *e, struct tt_slice in)
{
	while (in.len) {
		uint64_t tag;
		int r = get(&in, &tag);

		if (r == 0)
			r = get_field(e, tag, &in);
		if (r < 0)
			return r;
	}
	return 0;
}
