/* SPDX-License-Identifier: MIT */
#include "tree/held.h"

#include <stdlib.h>

#include "base/err.h"

struct held {
	struct tree *tree;
	size_t len;
	/* Taken relaxed by who has one; dropped with acq_rel, so that the last
	 * sees what the others did. */
	_Atomic uint32_t refs;
	uint8_t bytes[];
};

int held_new(struct tree *t, struct tt_slice bytes, struct held **out)
{
	struct held *h;

	/* relaxed: a count, nothing is read through it */
	if (atomic_fetch_add_explicit(&t->held_bytes, bytes.len,
				      memory_order_relaxed) +
		    bytes.len >
	    HELD_MAX) {
		atomic_fetch_sub_explicit(&t->held_bytes, bytes.len,
					  memory_order_relaxed);
		return 1;
	}
	h = malloc(sizeof(*h) + bytes.len);
	if (!h) {
		atomic_fetch_sub_explicit(&t->held_bytes, bytes.len,
					  memory_order_relaxed);
		return err_nomem("contents of an unlinked file");
	}
	h->tree = t;
	h->len = bytes.len;
	atomic_init(&h->refs, 1);
	memcpy(h->bytes, bytes.data, bytes.len);
	*out = h;
	return 0;
}

void held_unref(struct held *h)
{
	if (!h ||
	    atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) > 1)
		return;
	atomic_fetch_sub_explicit(&h->tree->held_bytes, h->len,
				  memory_order_relaxed);
	free(h);
}

static void release(void *a, void *b)
{
	(void)b;
	held_unref(a);
}

void held_pin(struct held *h, struct tt_pinned *pin)
{
	atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
	*pin = (struct tt_pinned){
		.value = SLICE(h->bytes, h->len),
		.release = release,
		.a = h,
	};
}
