/* SPDX-License-Identifier: MIT */
#include "lsm/value_ahead.h"

#include "base/err.h"
#include "lsm/user_iter.h"
#include "lsm/value_format.h"
#include "lsm/value_read.h"

/* What took longer, with so much more for so many bytes, did not come from
 * memory. */
#define SLOW_NS 20000
#define SLOW_UNIT_NS 10000
#define SLOW_UNIT ((uint64_t)16 << 10)
/* One slow read is soon forgotten, a second one within so many begins it … */
#define WARM 8
/* … and so many quick ones end it: all is in memory, unless the next is slow. */
#define HOT 256

#define WINDOW_LEAST ((uint64_t)64 << 10)

bool value_ahead_wants(const struct value_ahead *a)
{
	return a->heat > WARM;
}

void value_ahead_note_read(struct value_ahead *a, uint64_t len, uint64_t ns)
{
	if (ns > SLOW_NS + len / SLOW_UNIT * SLOW_UNIT_NS)
		a->heat = a->heat ? HOT : WARM;
	else if (a->heat && --a->heat == WARM)
		value_ahead_end(a);
}

void value_ahead_follow(struct value_ahead *a, bool is_reverse)
{
	if (a->is_reverse != is_reverse) {
		a->is_reverse = is_reverse;
		a->is_placed = false;
		a->window = 0;
	}
	if (!a->is_placed)
		return;
	if (a->n == 0) { /* passed by */
		a->is_placed = false;
		return;
	}
	a->bytes -= a->lens[a->first];
	a->first = (a->first + 1) % VALUE_AHEAD_KEYS;
	a->n--;
}

/* Puts the scout where the iterator stands. */
static int place(struct value_ahead *a, struct user_iter *scout,
		 struct tt_slice key)
{
	int r = a->is_reverse ? user_iter_seek_for_prev(scout, key)
			      : user_iter_seek(scout, key);

	a->is_placed = true;
	a->is_at_end = r != 0;
	a->n = a->first = 0;
	a->bytes = 0;
	return r;
}

/* Takes the scout a key further and asks for its value. */
static int ask_next(struct value_ahead *a, struct value_log *values,
		    struct user_iter *scout)
{
	struct value_ptr p = { .stored_len = 0 };
	const struct record *rec;
	int r = a->is_reverse ? user_iter_prev(scout) : user_iter_next(scout);

	if (r != 0)
		return r;
	rec = user_iter_rec(scout);
	if (rec->kind == RECORD_POINTER) {
		value_ptr_decode(rec->value.data, rec->key.len, &p);
		value_ask(values, &p);
	}
	a->lens[(a->first + a->n++) % VALUE_AHEAD_KEYS] = p.stored_len;
	a->bytes += p.stored_len;
	return 0;
}

void value_ahead_ask(struct value_ahead *a, struct value_log *values,
		     struct user_iter *scout, struct tt_slice key,
		     uint64_t most)
{
	struct err_saved e;
	int r = 0;

	if (a->is_placed && (a->is_at_end || a->bytes > a->window / 2))
		return;
	/* Whoever comes to where the scout failed will tell. */
	err_save(&e, err_code());
	if (!a->is_placed)
		r = place(a, scout, key);
	a->window = MIN_OF(MAX_OF(2 * a->window, WINDOW_LEAST), most);
	while (r == 0 && a->n < VALUE_AHEAD_KEYS && a->bytes < a->window)
		r = ask_next(a, values, scout);
	a->is_at_end = r != 0;
	(void)err_restore(&e);
}
