/* SPDX-License-Identifier: MIT */
/*
 * Answers: their opening and closing, values in the encoding that carries
 * them, and the one table from error codes to the protocol's words.
 */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include "server/json_out.h"
#include "tree/tree.h"

/* {"success":true[,"id":…] */
void reply_begin(struct json_out *o, struct tt_slice id);
/* }\n */
void reply_end(struct json_out *o);

/* A whole error answer; `text` NULL takes the thread's error text. */
void reply_error(struct json_out *o, struct tt_slice id, int code,
		 const char *text);
/* ,"error":…,"code":… of it, without the rest. */
void reply_error_fields(struct json_out *o, int code, const char *text);

/*
 * ,"NAME":"…" of any bytes: as text where they are UTF-8 and `base64` is
 * false, else as base64 followed by ,"ENCODING":"base64". Names are literals
 * with quotes and colon: ",\"data\":".
 */
void reply_bytes(struct json_out *o, const char *name, const char *encoding,
		 struct tt_slice bytes, bool base64);
/* The same for the value and the key of an item. */
void reply_key(struct json_out *o, struct tt_slice key);
void reply_value(struct json_out *o, struct tt_slice value, bool base64);

/* ,"version":… */
void reply_version(struct json_out *o, int64_t version);
/* ,"type":…,"size":…,"mode":…,"mtime":…,"version":… */
void reply_attr(struct json_out *o, const struct tree_attr *a);

/* The protocol's word for a code, and the sentence where there is no better. */
const char *reply_code(int code);
const char *reply_text(int code);

#endif
