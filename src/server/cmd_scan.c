/* SPDX-License-Identifier: MIT */
/*
 * Walks over keys: SCAN, LIST, COUNT. They run on worker threads.
 *
 * An answer is bounded in items and in bytes. A SCAN that has more keeps its
 * tree cursor, and with it the state of the tree it began on, in the session
 * under a name; the next SCAN with that name goes on. A page reads one item
 * ahead, so that a scan that ends with its page leaves no cursor behind.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "server/reply.h"
#include "server/request.h"
#include "tree/tree.h"

#define SCAN_LIMIT 1000 /* items of a page when the request names none */
#define COUNT_SLICE 20000

struct range {
	struct tt_slice lower, upper;
	char successor[TREE_KEY_MAX];
};

/* "prefix", or "start" and "end"; nothing is everything. */
static int read_range(struct request *rq, struct range *g)
{
	const struct fields *f = &rq->f;
	struct tt_slice prefix;
	int r;

	g->lower = g->upper = SLICE_EMPTY;
	if (f->prefix) {
		if (f->start || f->end)
			return err_set(-EBADMSG, "\"prefix\" stands alone, "
						 "without \"start\" and "
						 "\"end\"");
		r = field_bytes(rq, f->prefix, "prefix", f->key_encoding,
				&prefix);
		if (r < 0)
			return r;
		if (prefix.len > TREE_KEY_MAX)
			return err_set(TT_EKEY, "\"prefix\" is over %u bytes",
				       TREE_KEY_MAX);
		g->lower = prefix;
		tree_scan_prefix(prefix, g->successor, &g->upper);
		return 0;
	}
	if (f->start) {
		r = field_bytes(rq, f->start, "start", f->key_encoding,
				&g->lower);
		if (r < 0)
			return r;
	}
	if (!f->end)
		return 0;
	r = field_bytes(rq, f->end, "end", f->key_encoding, &g->upper);
	if (r == 0 && g->upper.len == 0)
		return err_set(-EBADMSG, "\"end\" is empty");
	return r;
}

static int open_scan(struct request *rq, bool reverse, bool keys_only,
		     struct tree_scan **out)
{
	struct tree_scan_options o = { .reverse = reverse,
				       .keys_only = keys_only };
	struct range g;
	int r = read_range(rq, &g);

	if (r < 0)
		return r;
	o.lower = g.lower;
	o.upper = g.upper;
	return tree_scan_new(rq->session->service->tree, &o, out);
}

static int append_piece(void *arg, struct tt_slice piece)
{
	return buf_append_slice(arg, piece);
}

/* The current value into the scratch buffer. */
static int read_value(struct request *rq, struct tree_scan *scan)
{
	buf_clear(&rq->scratch);
	return tree_scan_value(scan, rq->session->service->options.answer_max,
			       append_piece, &rq->scratch);
}

/* ---- SCAN -------------------------------------------------------------- */

static int scan_item(struct request *rq, const struct cursor *c, bool base64)
{
	const struct tree_scan_item *item = &c->ahead;
	struct json_out *j = &rq->j;
	int r = TT_ETOOBIG;

	json_lit(j, "{");
	reply_key(j, item->key);
	if (!c->keys_only)
		r = read_value(rq, c->scan);
	if (r < 0 && r != TT_ETOOBIG)
		return r;
	if (r == 0)
		reply_value(j, buf_slice(&rq->scratch), base64);
	else if (!c->keys_only)
		json_lit(j, ",\"code\":\"TOO_LARGE\"");
	if (r < 0) {
		json_lit(j, ",\"size\":");
		json_uint(j, item->attr.size);
	}
	reply_version(j, item->attr.version);
	json_lit(j, "}");
	return j->err;
}

/* Emits items until the page is full (0) or nothing remains (TT_END). */
static int scan_page(struct request *rq, struct cursor *c, int64_t limit,
		     bool base64)
{
	size_t start = rq->out->len;
	size_t max = rq->session->service->options.answer_max;

	for (int64_t n = 0; n < limit && rq->out->len - start < max; n++) {
		int r;

		if (n > 0)
			json_lit(&rq->j, ",");
		r = scan_item(rq, c, base64);
		if (r < 0)
			return r;
		r = tree_scan_next(c->scan, &c->ahead);
		if (r != 0)
			return r;
	}
	return 0;
}

/* The cursor named, or a new one, on its first item: 0, TT_END or failed. */
static int begin_scan(struct request *rq, struct cursor *c)
{
	struct tt_slice name;
	bool reverse = false;
	int r;

	if (rq->f.cursor) {
		r = field_bytes(rq, rq->f.cursor, "cursor", NULL, &name);
		return r < 0 ? r : session_take(rq->session, name, c);
	}
	r = field_bool(rq->f.reverse, "reverse", &reverse);
	if (r == 0)
		r = field_bool(rq->f.keys_only, "keys_only", &c->keys_only);
	if (r == 0)
		r = open_scan(rq, reverse, c->keys_only, &c->scan);
	if (r == 0)
		rq->scan = c->scan;
	return r < 0 ? r : tree_scan_next(c->scan, &c->ahead);
}

static void put_cursor(struct request *rq, const struct cursor *c)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "c%" PRIu64,
			 session_keep(rq->session, c));

	rq->scan = NULL;
	json_lit(&rq->j, ",\"cursor\":");
	json_string(&rq->j, SLICE(text, (size_t)n));
}

int cmd_scan(struct request *rq)
{
	unsigned max = rq->session->service->options.items_max;
	int64_t limit = MIN_OF(SCAN_LIMIT, (int64_t)max);
	struct cursor c = { 0 };
	bool base64 = false;
	int r;

	r = field_is_base64(rq->f.encoding, &base64);
	if (r == 0)
		r = field_int(rq->f.limit, "limit", 1, max, &limit);
	if (r == 0)
		r = begin_scan(rq, &c);
	if (r < 0)
		return r;
	rq->scan = c.scan; /* freed with the request, unless kept */
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"items\":[");
	if (r == 0)
		r = scan_page(rq, &c, limit, base64);
	if (r < 0)
		return r;
	json_lit(&rq->j, "]");
	if (r == 0)
		put_cursor(rq, &c);
	reply_end(&rq->j);
	buf_shrink(&rq->scratch, 2 * REQUEST_INLINE_BYTES);
	return 0;
}

/* ---- LIST -------------------------------------------------------------- */

/*
 * One "key=value" line. The old protocol has no place for an encoding: what
 * is not UTF-8 is shown as U+FFFD, as its server did.
 */
static int list_line(struct request *rq, const struct tree_scan_item *item)
{
	int r = read_value(rq, rq->scan);

	if (r < 0)
		return r;
	json_string_part_lossy(&rq->j, item->key);
	json_lit(&rq->j, "=");
	json_string_part_lossy(&rq->j, buf_slice(&rq->scratch));
	return rq->j.err;
}

static int list_lines(struct request *rq, int64_t limit, bool *truncated)
{
	size_t start = rq->out->len;
	size_t max = rq->session->service->options.answer_max;
	struct tree_scan_item item;
	int r = 0;

	*truncated = false;
	for (int64_t n = 0;; n++) {
		size_t mark = rq->out->len;

		r = tree_scan_next(rq->scan, &item);
		if (r != 0)
			return r < 0 ? r : 0;
		*truncated = n >= limit || mark - start >= max;
		if (*truncated)
			return 0;
		if (n > 0)
			json_lit(&rq->j, "\\n");
		r = list_line(rq, &item);
		if (r == TT_ETOOBIG) {
			/* A value beyond any answer: leave its line out. */
			buf_truncate(rq->out, mark);
			*truncated = true;
			return 0;
		}
		if (r < 0)
			return r;
	}
}

int cmd_list(struct request *rq)
{
	int64_t limit = rq->session->service->options.items_max;
	bool truncated;
	int r;

	r = field_int(rq->f.limit, "limit", 1, limit, &limit);
	if (r == 0)
		r = open_scan(rq, false, false, &rq->scan);
	if (r < 0)
		return r;
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"data\":\"");
	r = list_lines(rq, limit, &truncated);
	if (r < 0)
		return r;
	json_lit(&rq->j, "\"");
	if (truncated)
		json_lit(&rq->j, ",\"truncated\":true");
	reply_end(&rq->j);
	return 0;
}

/* ---- COUNT ------------------------------------------------------------- */

int cmd_count(struct request *rq)
{
	int r = open_scan(rq, false, true, &rq->scan);

	rq->count = 0;
	return r < 0 ? r : cmd_count_continue(rq);
}

int cmd_count_continue(struct request *rq)
{
	struct tree_scan_item item;
	int r = 0;

	if (atomic_load_explicit(&rq->session->service->is_stopping,
				 memory_order_relaxed))
		return TT_ECLOSED;
	for (int n = 0; n < COUNT_SLICE && r == 0; n++) {
		r = tree_scan_next(rq->scan, &item);
		rq->count += r == 0;
	}
	if (r < 0)
		return r;
	if (r == 0)
		return REQUEST_MORE;
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"count\":");
	json_uint(&rq->j, rq->count);
	reply_end(&rq->j);
	return 0;
}
