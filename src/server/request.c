/* SPDX-License-Identifier: MIT */
#include "server/request.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "server/base64.h"
#include "server/reply.h"
#include "tree/tree.h"

#define ID_MAX 4096u

enum command_flags {
	COMMAND_KEY = 1,  /* needs a key */
	COMMAND_SLOW = 2, /* always a worker's */
};

struct command {
	const char *name;
	const char *counter;
	request_fn run; /* NULL: reserved */
	unsigned flags;
};

static const struct command commands[] = {
#define COMMAND(NAME, name, fn, flags) \
	{ #NAME, "server.requests." name, fn, flags },
#include "server/commands.def"
#undef COMMAND
};

unsigned request_n_commands(void)
{
	return ARRAY_LEN(commands);
}

const char *request_counter_name(unsigned i)
{
	return commands[i].counter;
}

/* Operation names ignore case. */
static const struct command *find_command(struct tt_slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		const char *want = commands[i].name;

		if (strlen(want) == name.len &&
		    !strncasecmp(want, name.data, name.len))
			return &commands[i];
	}
	return NULL;
}

/* ---- fields ------------------------------------------------------------ */

int field_bool(const cJSON *item, const char *name, bool *out)
{
	if (!item)
		return 0;
	if (!cJSON_IsBool(item))
		return err_set(-EBADMSG, "\"%s\" must be true or false", name);
	*out = cJSON_IsTrue(item);
	return 0;
}

int field_int(const cJSON *item, const char *name, int64_t min, int64_t max,
	      int64_t *out)
{
	int64_t v;

	if (!item)
		return 0;
	if (json_integer(item, &v) < 0 || v < min || v > max)
		return err_set(-EBADMSG,
			       "\"%s\" must be a whole number from %lld to "
			       "%lld",
			       name, (long long)min, (long long)max);
	*out = v;
	return 0;
}

int field_is_base64(const cJSON *encoding, bool *out)
{
	const char *s = cJSON_IsString(encoding) ? encoding->valuestring : "?";

	*out = false;
	if (!encoding || !strcasecmp(s, "utf8") || !strcasecmp(s, "utf-8"))
		return 0;
	if (strcasecmp(s, "base64") != 0)
		return err_set(-EBADMSG,
			       "an encoding is \"utf8\" or \"base64\"");
	*out = true;
	return 0;
}

int field_bytes(struct request *rq, cJSON *item, const char *name,
		const cJSON *encoding, struct tt_slice *out)
{
	struct tt_slice s;
	bool base64;
	int r = field_is_base64(encoding, &base64);

	if (r < 0)
		return r;
	if (!cJSON_IsString(item))
		return err_set(-EBADMSG, "\"%s\" must be a string", name);
	s = json_bytes(&rq->doc, item);
	if (base64) {
		/* In place: the tree is the request's own. */
		if (base64_decode(s.data, s.len, item->valuestring, &s.len) < 0)
			return err_set(-EBADMSG, "\"%s\" is not base64", name);
		s.data = item->valuestring;
	}
	*out = s;
	return 0;
}

/* ---- parsing ----------------------------------------------------------- */

void request_fields(struct fields *f, cJSON *object)
{
	*f = (struct fields){ 0 };
	for (cJSON *i = object->child; i; i = i->next) {
		cJSON *item = cJSON_IsNull(i) ? NULL : i;

#define X(name)                          \
	if (!strcmp(i->string, #name)) { \
		f->name = item;          \
		continue;                \
	}
		REQUEST_FIELDS(X)
#undef X
	}
}

static int parse(struct request *rq, const char *line, size_t len,
		 const struct command **out)
{
	struct tt_slice id = SLICE_EMPTY;
	cJSON *root;
	int r;

	r = json_parse(&rq->doc, line, len, &root, &id);
	if (r < 0)
		return r;
	if (id.len > ID_MAX)
		return err_set(-EBADMSG, "\"id\" is over %u bytes", ID_MAX);
	rq->id = id;
	if (!cJSON_IsObject(root))
		return err_set(-EBADMSG, "a request is a JSON object");
	request_fields(&rq->f, root);
	if (!cJSON_IsString(rq->f.operation))
		return err_set(-EBADMSG, "\"operation\" is missing");
	*out = find_command(slice_str(rq->f.operation->valuestring));
	if (!*out || !(*out)->run)
		return err_set(TT_EUNSUPPORTED, "%s operation \"%.40s\"",
			       *out ? "this version has no" : "unknown",
			       rq->f.operation->valuestring);
	if (rq->f.ttl || rq->f.as_of)
		return err_set(TT_EUNSUPPORTED,
			       "this version has no \"ttl\" and no \"as_of\"");
	return 0;
}

static int find_key(struct request *rq)
{
	if (!rq->f.key)
		return err_set(-EBADMSG, "\"key\" is missing");
	return field_bytes(rq, rq->f.key, "key", rq->f.key_encoding, &rq->key);
}

/* ---- running ----------------------------------------------------------- */

static struct service *service_of(const struct request *rq)
{
	return rq->session->service;
}

void request_init(struct request *rq, struct session *session, bool may_block)
{
	rq->session = session;
	rq->may_block = may_block;
	rq->scan = NULL;
	rq->wants_sync = rq->wants_told = false;
	buf_init(&rq->scratch);
	json_doc_init(&rq->doc);
}

void request_fini(struct request *rq)
{
	tree_scan_free(rq->scan);
	buf_fini(&rq->scratch);
	json_doc_fini(&rq->doc);
}

int request_refuse(struct buf *out, struct tt_slice id, int code,
		   const char *text)
{
	struct json_out j = { .buf = out };

	reply_error(&j, id, code, text);
	return j.err;
}

/* Turns what the handler left into an answer. */
static int finish(struct request *rq, size_t mark, int r)
{
	if (r > 0)
		return r;
	tree_scan_free(rq->scan);
	rq->scan = NULL;
	if (r == 0 && rq->j.err < 0)
		r = rq->j.err;
	service_count(service_of(rq), SRV_REQUESTS, 1);
	if (r == 0)
		return 0;
	rq->wants_sync = rq->wants_told = false;
	buf_truncate(rq->out, mark);
	service_count(service_of(rq), SRV_ERRORS, 1);
	if (r == -EBADMSG)
		service_count(service_of(rq), SRV_BAD_REQUESTS, 1);
	return request_refuse(rq->out, rq->id, r, NULL);
}

static int dispatch(struct request *rq, const char *line, size_t len)
{
	const struct command *cmd = NULL;
	int r = parse(rq, line, len, &cmd);

	if (r < 0)
		return r;
	if (unlikely(atomic_load_explicit(&service_of(rq)->is_stopping,
					  memory_order_relaxed)))
		return TT_ECLOSED;
	if ((cmd->flags & COMMAND_SLOW) && !rq->may_block)
		return REQUEST_WORKER;
	if (cmd->flags & COMMAND_KEY) {
		r = find_key(rq);
		if (r < 0)
			return r;
	}
	r = cmd->run(rq);
	if (r != REQUEST_WORKER)
		service_count(service_of(rq),
			      N_SERVER_COUNTERS + (unsigned)(cmd - commands),
			      1);
	return r;
}

int request_run(struct request *rq, const char *line, size_t len,
		struct buf *out)
{
	size_t mark = out->len;

	rq->out = out;
	rq->j = (struct json_out){ .buf = out };
	rq->id = SLICE_EMPTY;
	rq->wants_sync = rq->wants_told = false;
	err_clear();
	if (len > REQUEST_INLINE_BYTES && !rq->may_block)
		return REQUEST_WORKER;
	return finish(rq, mark, dispatch(rq, line, len));
}

int request_continue(struct request *rq)
{
	size_t mark = rq->out->len;

	err_clear();
	return finish(rq, mark, cmd_count_continue(rq));
}
