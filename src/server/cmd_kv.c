/* SPDX-License-Identifier: MIT */
/*
 * Keys one by one, and many at once: GET, SET, DELETE, EXISTS, STAT, MGET,
 * BATCH.
 *
 * A value's size is known only when the tree begins to give it. On the loop's
 * thread a read is therefore tried with the limit of what may be done there,
 * and left to a worker when the tree says it is too big.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "server/reply.h"
#include "server/request.h"
#include "tree/tree.h"

/* Changes that wait to be told at once: the listener takes as many without
 * keeping us waiting. */
#define UNTOLD_MAX 500u

static struct tree *tree_of(const struct request *rq)
{
	return rq->session->service->tree;
}

static int append_piece(void *arg, struct tt_slice piece)
{
	return buf_append_slice(arg, piece);
}

/* Reads a value into the scratch buffer. */
static int read_value(struct request *rq, struct tt_slice key, uint64_t max,
		      struct tree_attr *attr)
{
	buf_clear(&rq->scratch);
	return tree_key_get(tree_of(rq), key, max, append_piece, &rq->scratch,
			    attr);
}

static int too_large(uint64_t max)
{
	return err_set(TT_ETOOBIG,
		       "the value is over %llu bytes, the most an answer "
		       "carries; read it through a mount",
		       (unsigned long long)max);
}

int cmd_get(struct request *rq)
{
	uint64_t max = rq->session->service->options.answer_max;
	struct tree_attr attr;
	bool base64;
	int r;

	r = field_is_base64(rq->f.encoding, &base64);
	if (r < 0)
		return r;
	if (!rq->may_block)
		max = MIN_OF(max, (uint64_t)REQUEST_INLINE_BYTES);
	r = read_value(rq, rq->key, max, &attr);
	if (r == TT_ETOOBIG)
		return rq->may_block ? too_large(max) : REQUEST_WORKER;
	if (r < 0)
		return r;
	reply_begin(&rq->j, rq->id);
	reply_bytes(&rq->j,
		    ",\"data\":", ",\"encoding\":", buf_slice(&rq->scratch),
		    base64);
	reply_version(&rq->j, attr.version);
	reply_end(&rq->j);
	buf_shrink(&rq->scratch, 2 * REQUEST_INLINE_BYTES);
	return 0;
}

/* ---- writing ----------------------------------------------------------- */

static int read_condition(const struct fields *f, struct tree_op *op)
{
	bool absent = false;
	int r = field_bool(f->if_absent, "if_absent", &absent);

	if (r < 0)
		return r;
	if (absent && f->if_version)
		return err_set(-EBADMSG, "\"if_absent\" and \"if_version\" "
					 "contradict each other");
	if (absent)
		op->cond = TREE_COND_ABSENT;
	if (!f->if_version)
		return 0;
	op->cond = TREE_COND_VERSION;
	return field_int(f->if_version, "if_version", 0, INT64_MAX / 1024,
			 &op->version);
}

static int read_set(struct request *rq, const struct fields *f,
		    struct tree_op *op)
{
	int r;

	op->kind = TREE_OP_SET;
	if (!f->value)
		return err_set(-EBADMSG, "\"value\" is missing");
	r = field_bytes(rq, f->value, "value", f->encoding, &op->value);
	return r < 0 ? r : read_condition(f, op);
}

static int read_delete(const struct fields *f, struct tree_op *op)
{
	int r;

	op->kind = TREE_OP_DELETE;
	r = field_bool(f->recursive, "recursive", &op->recursive);
	if (r < 0)
		return r;
	if (f->if_absent)
		return err_set(-EBADMSG, "DELETE knows no \"if_absent\"");
	return read_condition(f, op);
}

/* A broken condition has a word for each of its kinds. */
static int explain(int r, const struct tree_op *op)
{
	if (r == TT_ECONFLICT && op->cond == TREE_COND_ABSENT)
		return err_set(-EEXIST, "the key exists");
	if (r == -ENOTEMPTY)
		err_clear(); /* the answer's own words say what helps */
	return r;
}

/* The loop's thread must not wait for other writers: what would is a
 * worker's. */
static int apply(struct request *rq, const struct tree_op *ops, size_t n,
		 int64_t *version, size_t *failed)
{
	bool may_tell;
	int r;

	if (rq->may_block)
		return tree_key_apply(tree_of(rq), ops, n, version, failed);
	may_tell = rq->session->service->n_untold < UNTOLD_MAX;
	r = tree_key_try_apply(tree_of(rq), ops, n, version, failed,
			       may_tell ? &rq->wants_told : NULL);
	return r == -EAGAIN ? REQUEST_WORKER : r;
}

static int apply_one(struct request *rq, const struct tree_op *op)
{
	bool sync = false;
	int64_t version;
	int r;

	r = field_bool(rq->f.sync, "sync", &sync);
	if (r < 0)
		return r;
	r = apply(rq, op, 1, &version, NULL);
	if (r != 0)
		return explain(r, op);
	rq->wants_sync = sync;
	reply_begin(&rq->j, rq->id);
	reply_version(&rq->j, version);
	reply_end(&rq->j);
	return 0;
}

int cmd_set(struct request *rq)
{
	struct tree_op op = { .key = rq->key };
	int r = read_set(rq, &rq->f, &op);

	return r < 0 ? r : apply_one(rq, &op);
}

int cmd_delete(struct request *rq)
{
	struct tree_op op = { .key = rq->key };
	int r = read_delete(&rq->f, &op);

	if (r < 0)
		return r;
	if (op.recursive && !rq->may_block)
		return REQUEST_WORKER;
	return apply_one(rq, &op);
}

/* ---- looking ----------------------------------------------------------- */

int cmd_stat(struct request *rq)
{
	struct tree_attr a;
	int r = tree_key_stat(tree_of(rq), rq->key, &a);

	if (r < 0)
		return r;
	reply_begin(&rq->j, rq->id);
	reply_attr(&rq->j, &a);
	reply_end(&rq->j);
	return 0;
}

int cmd_exists(struct request *rq)
{
	struct tree_attr a;
	int r = tree_key_stat(tree_of(rq), rq->key, &a);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"exists\":");
	json_bool(&rq->j, r == 0);
	if (r == 0)
		reply_attr(&rq->j, &a);
	reply_end(&rq->j);
	return 0;
}

/* One item of MGET: a failure is the item's own. */
static void mget_item(struct request *rq, cJSON *item, bool base64,
		      uint64_t max)
{
	struct json_out *j = &rq->j;
	struct tree_attr attr;
	struct tt_slice key = SLICE_EMPTY;
	int r;

	r = field_bytes(rq, item, "keys", rq->f.key_encoding, &key);
	if (r == 0)
		r = read_value(rq, key, max, &attr);
	json_lit(j, "{");
	reply_key(j, key);
	if (r < 0) {
		json_lit(j, ",\"success\":false");
		reply_error_fields(j, r, NULL);
	} else {
		json_lit(j, ",\"success\":true");
		reply_value(j, buf_slice(&rq->scratch), base64);
		reply_version(j, attr.version);
	}
	json_lit(j, "}");
}

int cmd_mget(struct request *rq)
{
	const struct server_options *o = &rq->session->service->options;
	size_t start = rq->out->len;
	bool base64;
	int n, r;

	r = field_is_base64(rq->f.encoding, &base64);
	if (r < 0)
		return r;
	if (!cJSON_IsArray(rq->f.keys))
		return err_set(-EBADMSG, "\"keys\" must be a list of keys");
	n = cJSON_GetArraySize(rq->f.keys);
	if ((unsigned)n > o->items_max)
		return err_set(TT_ETOOBIG, "more than %u keys", o->items_max);
	reply_begin(&rq->j, rq->id);
	json_lit(&rq->j, ",\"items\":[");
	for (cJSON *i = rq->f.keys->child; i && rq->j.err == 0; i = i->next) {
		size_t used = rq->out->len - start;

		err_clear();
		mget_item(rq, i, base64,
			  used < o->answer_max ? o->answer_max - used : 0);
		if (i->next)
			json_lit(&rq->j, ",");
	}
	json_lit(&rq->j, "]");
	reply_end(&rq->j);
	return 0;
}

/* ---- BATCH ------------------------------------------------------------- */

static int read_op(struct request *rq, cJSON *item, struct tree_op *op)
{
	struct fields f;
	int r;

	*op = (struct tree_op){ 0 };
	if (!cJSON_IsObject(item))
		return err_set(-EBADMSG, "an operation is a JSON object");
	request_fields(&f, item);
	if (!cJSON_IsString(f.operation))
		return err_set(-EBADMSG, "\"operation\" is missing");
	if (!f.key)
		return err_set(-EBADMSG, "\"key\" is missing");
	if (f.ttl)
		return err_set(TT_EUNSUPPORTED, "this version has no \"ttl\"");
	r = field_bytes(rq, f.key, "key", f.key_encoding, &op->key);
	if (r < 0)
		return r;
	if (!strcasecmp(f.operation->valuestring, "SET"))
		return read_set(rq, &f, op);
	if (!strcasecmp(f.operation->valuestring, "DELETE"))
		return read_delete(&f, op);
	return err_set(-EBADMSG, "a batch knows SET and DELETE alone");
}

/* The error of operation `i`, in words that say which one it was. */
static int batch_failed(int r, size_t i)
{
	struct err_saved e;
	bool has_text = err_code() == r && *err_text();

	err_save(&e, r);
	return err_set(r, "operation %zu: %s", i,
		       has_text ? e.text : reply_text(r));
}

static int run_ops(struct request *rq, struct tree_op *ops, size_t n)
{
	bool sync = false;
	int64_t version = 0;
	size_t failed = 0, i = 0;
	int r;

	for (cJSON *item = rq->f.ops->child; item; item = item->next, i++) {
		r = read_op(rq, item, &ops[i]);
		if (r < 0)
			return batch_failed(r, i);
		if (ops[i].recursive && !rq->may_block)
			return REQUEST_WORKER;
	}
	r = field_bool(rq->f.sync, "sync", &sync);
	if (r < 0)
		return r;
	r = apply(rq, ops, n, &version, &failed);
	if (r > 0)
		return r;
	if (r < 0)
		return batch_failed(explain(r, &ops[failed]), failed);
	rq->wants_sync = sync;
	reply_begin(&rq->j, rq->id);
	reply_version(&rq->j, version);
	reply_end(&rq->j);
	return 0;
}

int cmd_batch(struct request *rq)
{
	struct tree_op few[REQUEST_INLINE_OPS], *ops = few;
	size_t n;
	int r;

	if (!cJSON_IsArray(rq->f.ops))
		return err_set(-EBADMSG,
			       "\"ops\" must be a list of operations");
	n = (size_t)cJSON_GetArraySize(rq->f.ops);
	if (n == 0)
		return err_set(-EBADMSG, "\"ops\" is empty");
	if (n > REQUEST_INLINE_OPS) {
		if (!rq->may_block)
			return REQUEST_WORKER;
		ops = calloc(n, sizeof(*ops));
		if (!ops)
			return err_nomem("a batch");
	}
	r = run_ops(rq, ops, n);
	if (ops != few)
		free(ops);
	return r;
}
