/* SPDX-License-Identifier: MIT */
#include "lsm/operand.h"

#include <string.h>

#include "base/err.h"
#include "ttrunks.h"

int operand_patch(struct operand *op, size_t offset, struct tt_slice bytes)
{
	if (bytes.len > TT_VALUE_MAX || offset > TT_VALUE_MAX - bytes.len)
		return err_set(TT_ETOOBIG,
			       "patch of %zu bytes at %zu: a value has at most "
			       "%u",
			       bytes.len, offset, TT_VALUE_MAX);
	*op = (struct operand){ OPERAND_PATCH, (uint32_t)offset, bytes };
	return 0;
}

size_t operand_head(const struct operand *op, void *dst)
{
	bool is_patch = op->type == OPERAND_PATCH;
	size_t more = is_patch ? OPERAND_OFFSET_LEN : 0;
	const struct operand_patch p = {
		.h = { op->type, le32_make((uint32_t)(op->bytes.len + more)) },
		.offset = le32_make(op->offset),
	};

	memcpy(dst, &p, sizeof(p.h) + more);
	return sizeof(p.h) + more;
}

int operand_append(struct buf *out, const struct operand *op)
{
	int r = buf_reserve(out, OPERAND_OVERHEAD + op->bytes.len);

	if (r < 0)
		return r;
	buf_advance(out, operand_head(op, buf_tail(out)));
	buf_put(out, op->bytes.data, op->bytes.len);
	return 0;
}

static COLD int bad(const char *what)
{
	return err_set(TT_ECORRUPT, "merge record: %s", what);
}

static int take_offset(struct operand *op)
{
	if (op->bytes.len < OPERAND_OFFSET_LEN)
		return bad("patch without an offset");
	op->offset = le32_load(op->bytes.data);
	op->bytes = slice_skip(op->bytes, OPERAND_OFFSET_LEN);
	if (op->bytes.len > TT_VALUE_MAX ||
	    op->offset > TT_VALUE_MAX - op->bytes.len)
		return bad("patch beyond the largest value");
	return 0;
}

int operand_take(struct tt_slice *list, struct operand *out)
{
	const struct operand_header *h = list->data;
	size_t len;

	if (list->len == 0)
		return TT_END;
	if (list->len < sizeof(*h))
		return bad("operand cut short");
	len = le32_get(h->len);
	if (h->type > OPERAND_MERGE || len > list->len - sizeof(*h))
		return bad("impossible operand");
	*out = (struct operand){
		.type = h->type,
		.bytes = SLICE(h + 1, len),
	};
	*list = slice_skip(*list, sizeof(*h) + len);
	return out->type == OPERAND_PATCH ? take_offset(out) : 0;
}

int operands_check(struct tt_slice list)
{
	struct operand op;
	int r = list.len ? 0 : bad("no operand");

	while (r == 0)
		r = operand_take(&list, &op);
	return r == TT_END ? 0 : r;
}
