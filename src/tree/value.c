/* SPDX-License-Identifier: MIT */
#include "tree/value.h"

#include <inttypes.h>

#include "base/err.h"
#include "tree/block.h"
#include "tree/dir.h"
#include "tree/schema_key.h"

/* Contents pinned at a time. */
#define STEP (1u << 20)

int value_from_row(struct tt *db, const struct tt_read_options *ro,
		   uint64_t parent, struct tt_slice row, int64_t ts,
		   struct value *out)
{
	struct schema_key k;
	uint32_t type;
	uint64_t ino;
	int r;

	out->pin = (struct tt_pinned){ 0 };
	if (entry_row_is_inode(row))
		return inode_rec_decode(row, ts, HOME_ENTRY, parent, &out->st,
					&out->tail);
	r = link_rec_decode(row, &ino, &type);
	if (r < 0)
		return r;
	r = tt_get_pinned(db, ro, key_inode(&k, ino), &out->pin);
	if (r == TT_NOTFOUND && !(ro && ro->snapshot))
		return TT_NOTFOUND; /* it went between the two reads */
	if (r == TT_NOTFOUND)
		return err_set(TT_ECORRUPT,
			       "an entry names inode %" PRIu64
			       ", which has no row",
			       ino);
	if (r == 0)
		r = inode_rec_decode(out->pin.value, out->pin.ts, HOME_INODE, 0,
				     &out->st, &out->tail);
	if (r < 0)
		tt_unpin(&out->pin);
	return r;
}

int value_find(struct tt *db, const struct tt_read_options *ro, uint64_t parent,
	       struct tt_slice name, struct value *out)
{
	struct tt_pinned pin = { 0 };
	struct schema_key k;
	int r;

	r = tt_get_pinned(db, ro, key_entry(&k, parent, name), &pin);
	if (r)
		return r;
	r = value_from_row(db, ro, parent, pin.value, pin.ts, out);
	if (r == 0 && entry_row_is_inode(pin.value))
		out->pin = pin;
	else
		tt_unpin(&pin);
	return r;
}

void value_fini(struct value *v)
{
	tt_unpin(&v->pin);
}

static int emit_pieces(const struct block_view *view,
		       int (*fn)(void *arg, struct tt_slice piece), void *arg)
{
	int r = 0;

	for (int i = 0; r == 0 && i < view->n_iov; i++)
		r = fn(arg, SLICE(view->iov[i].iov_base, view->iov[i].iov_len));
	return r;
}

int value_emit(struct tt *db, const struct tt_read_options *ro,
	       const struct value *v, uint64_t max,
	       int (*fn)(void *arg, struct tt_slice piece), void *arg)
{
	uint64_t off = 0;
	int r = 0;

	if (state_is_dir(&v->st))
		return err_set(-EISDIR, "the key is a directory");
	if (!state_is_reg(&v->st) && !S_ISLNK(v->st.mode))
		return err_set(-EINVAL, "a special file has no value");
	if (v->st.size > max)
		return err_set(TT_ETOOBIG,
			       "the value has %" PRIu64
			       " bytes, over the limit of %" PRIu64,
			       v->st.size, max);
	while (r == 0 && off < v->st.size) {
		struct block_view view;
		size_t n = (size_t)MIN_OF(v->st.size - off, (uint64_t)STEP);

		r = block_view_init(&view, db, ro, &v->st, v->tail, off, n);
		if (r == 0)
			r = emit_pieces(&view, fn, arg);
		block_view_fini(&view);
		off += n;
	}
	return r;
}
