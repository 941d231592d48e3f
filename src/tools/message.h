/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers of the port, from a program's side: bytes that are not
 * UTF-8 become base64 and back without the caller's noticing.
 */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "server/json_in.h"
#include "server/json_out.h"

/* {"operation":"NAME" … }\n */
void ask_begin(struct json_out *j, const char *operation);
void ask_end(struct json_out *j);
/* ,"NAME":"…" and, where needed, ,"ENCODING":"base64". */
void ask_bytes(struct json_out *j, const char *name, const char *encoding,
	       struct tt_slice bytes);
void ask_flag(struct json_out *j, const char *name, bool value);
void ask_int(struct json_out *j, const char *name, int64_t value);

struct answer {
	struct json_doc doc;
	cJSON *root;
	bool success;
	const char *error; /* "" on success */
	const char *code;
	struct tt_slice line; /* as it came */
};

void answer_init(struct answer *a);
void answer_fini(struct answer *a);
/* Parses an answer, a successful one or not; -EBADMSG when it is none.
 * `line` is kept until the next. */
int answer_parse(struct answer *a, struct tt_slice line);

/*
 * The bytes of the string `name` in `object`, decoded as its neighbour
 * `encoding` says; valid until the next answer; read each string once.
 * -EBADMSG when it is missing or malformed.
 */
int answer_bytes(struct answer *a, cJSON *object, const char *name,
		 const char *encoding, struct tt_slice *out);
/* A member of an object; NULL when absent. */
cJSON *answer_item(const cJSON *object, const char *name);
/* A number, or `otherwise`. */
int64_t answer_int(const cJSON *object, const char *name, int64_t otherwise);

#endif
