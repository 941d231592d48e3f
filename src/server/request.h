/* SPDX-License-Identifier: MIT */
/*
 * One request from its line to its answer.
 *
 * request_run() parses the line, finds the operation in commands.def and
 * calls its handler, which appends the answer to a buffer. A request runs on
 * the loop's thread first; when it turns out to be slow (a big line, a big
 * value, a walk over keys) it says so before it has done anything and is run
 * again by a worker thread. Very long ones work in slices.
 *
 * A request belongs to one thread at a time.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "server/json_in.h"
#include "server/json_out.h"
#include "server/session.h"

/* Longer lines, values and key lists are a worker's. */
#define REQUEST_INLINE_BYTES 32768u
#define REQUEST_INLINE_OPS 64

/* The members that a request may have; any other is ignored. */
/* clang-format off */
#define REQUEST_FIELDS(X) \
	X(operation) X(key) X(value) X(encoding) X(key_encoding) X(sync) \
	X(if_version) X(if_absent) X(recursive) X(prefix) X(start) X(end) \
	X(limit) X(reverse) X(keys_only) X(cursor) X(keys) X(ops) X(ttl) \
	X(as_of)
/* clang-format on */

/* NULL where a member is absent or null. */
struct fields {
#define X(name) cJSON *name;
	REQUEST_FIELDS(X)
#undef X
};

struct request {
	/* set by request_init() */
	struct session *session; /* kept */
	bool may_block;		 /* on a worker thread */
	struct buf *out;	 /* kept; answers are appended */

	/* the request, from one request_run() to the next */
	struct json_doc doc;
	struct fields f;
	struct tt_slice id; /* raw JSON, empty when there is none */
	struct tt_slice key;
	struct json_out j; /* over `out` */
	struct buf scratch;

	/* an answer: it must not leave before the store has been synced */
	bool wants_sync;
	/* … nor before the other face has heard of the change */
	bool wants_told;

	/* between slices of a long one */
	struct tree_scan *scan;
	uint64_t count;
};

enum request_result {
	REQUEST_DONE = 0,   /* answered */
	REQUEST_WORKER = 1, /* nothing done: run it again with may_block */
	REQUEST_MORE = 2,   /* call request_continue() when convenient */
};

/* `session` is kept. */
void request_init(struct request *rq, struct session *session, bool may_block);
void request_fini(struct request *rq);

/*
 * Runs the request in the `len` bytes at `line` (without the newline) and appends its answer, one line, to `out`. A failed request is an
 * answer too; negative only when there is no memory for any answer.
 */
int request_run(struct request *rq, const char *line, size_t len,
		struct buf *out);
int request_continue(struct request *rq);

/* Appends an error answer for a line that was no request. */
int request_refuse(struct buf *out, struct tt_slice id, int code,
		   const char *text);

/* Commands, for their counters. */
unsigned request_n_commands(void);
const char *request_counter_name(unsigned i);

/* ---- for handlers ------------------------------------------------------ */

/*
 * A handler returns 0 with the answer emitted between reply_begin() and
 * reply_end(), REQUEST_WORKER before any effect, REQUEST_MORE, or a negative
 * code with its text set: whatever it emitted is dropped and the error
 * answered.
 */
typedef int (*request_fn)(struct request *rq);

/* Sorts an object's members into fields. */
void request_fields(struct fields *f, cJSON *object);

int cmd_get(struct request *rq);
int cmd_set(struct request *rq);
int cmd_delete(struct request *rq);
int cmd_exists(struct request *rq);
int cmd_stat(struct request *rq);
int cmd_scan(struct request *rq);
int cmd_list(struct request *rq);
int cmd_count(struct request *rq);
int cmd_mget(struct request *rq);
int cmd_batch(struct request *rq);
int cmd_ping(struct request *rq);
int cmd_info(struct request *rq);
int cmd_stats(struct request *rq);
/* The next slice of a COUNT. */
int cmd_count_continue(struct request *rq);

/* Fields, checked: 0, or -EBADMSG with a text naming the field. */
int field_bool(const cJSON *item, const char *name, bool *out);
int field_int(const cJSON *item, const char *name, int64_t min, int64_t max,
	      int64_t *out);
/* A string, decoded by `encoding` (NULL: as it is). */
int field_bytes(struct request *rq, cJSON *item, const char *name,
		const cJSON *encoding, struct tt_slice *out);
/* Is this value base64: by the member's text, "utf8" or "base64". */
int field_is_base64(const cJSON *encoding, bool *out);

#endif
