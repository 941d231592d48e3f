/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON with cJSON, made fit for strangers' lines and for bytes:
 *
 * - What cJSON does not check is checked before it runs: UTF-8, bare control
 *   characters in strings, depth, and the number of values (a value costs
 *   cJSON some 80 bytes, so two bytes of input must not buy them without end).
 * - cJSON ends strings by a zero byte, so "a\u0000b" would silently become
 *   "a". Such escapes are turned into the bytes C0 80 first, which no
 *   well-formed UTF-8 contains; json_bytes() turns them back.
 * - All memory of a document comes from a few large pieces and goes at once.
 *
 * A document has one user at a time; different ones may be used by different
 * threads. The tree must not be changed or freed with cJSON's functions.
 */
#ifndef SERVER_JSON_IN_H
#define SERVER_JSON_IN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define JSON_DEPTH_MAX 32
#define JSON_VALUES_MAX 262144u

struct json_chunk;

struct json_doc {
	struct json_chunk *chunks; /* beyond `first` */
	uint8_t *next, *end;
	bool has_zero; /* some string holds a zero byte */
	_Alignas(16) uint8_t first[6144];
};

void json_doc_init(struct json_doc *d);
/* Frees the tree and everything taken from it. */
void json_doc_fini(struct json_doc *d);

/*
 * Parses `len` bytes at `text` into *out, a tree that lives until the
 * document's next parse or end. *id (may be NULL) becomes the raw text of the
 * topmost object's member "id", empty when there is none; it points into
 * `text`. -EBADMSG with the reason; TT_ETOOBIG over the limits above; -ENOMEM.
 */
int json_parse(struct json_doc *d, const char *text, size_t len, cJSON **out,
	       struct tt_slice *id);

/* The bytes of a string item, zero bytes included; valid as the tree is. */
struct tt_slice json_bytes(const struct json_doc *d, cJSON *string);

/* An integer that a double carries exactly: 0, or -EBADMSG for any other
 * item. */
int json_integer(const cJSON *item, int64_t *out);

#endif
