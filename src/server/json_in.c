/* SPDX-License-Identifier: MIT */
/*
 * Two passes. The first, inspect(), is ours: a tokenizer that knows strings,
 * numbers and nesting and nothing else of the grammar. The second is cJSON's,
 * with its allocations served from the document while the thread-local
 * `current` is set; whatever else in the process uses cJSON keeps malloc().
 */
#include "server/json_in.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "server/utf8.h"

#define CHUNK_BYTES 65536

struct json_chunk {
	struct json_chunk *next;
	_Alignas(16) uint8_t data[];
};

static _Thread_local struct json_doc *current;

/* ---- memory ------------------------------------------------------------ */

static void *doc_alloc(struct json_doc *d, size_t n)
{
	struct json_chunk *c;
	size_t size;
	void *p;

	n = ROUND_UP(n, (size_t)16);
	if ((size_t)(d->end - d->next) < n) {
		size = MAX_OF(n, (size_t)CHUNK_BYTES);
		c = malloc(sizeof(*c) + size);
		if (!c)
			return NULL;
		c->next = d->chunks;
		d->chunks = c;
		d->next = c->data;
		d->end = c->data + size;
	}
	p = d->next;
	d->next += n;
	return p;
}

static void *hook_malloc(size_t n)
{
	return current ? doc_alloc(current, n) : malloc(n);
}

/* While a document is current all that cJSON frees is the document's. */
static void hook_free(void *p)
{
	if (!current)
		free(p);
}

static void install_hooks(void)
{
	cJSON_Hooks h = { hook_malloc, hook_free };

	cJSON_InitHooks(&h);
}

static void doc_reset(struct json_doc *d)
{
	while (d->chunks) {
		struct json_chunk *c = d->chunks;

		d->chunks = c->next;
		free(c);
	}
	d->next = d->first;
	d->end = d->first + sizeof(d->first);
	d->has_zero = false;
}

void json_doc_init(struct json_doc *d)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, install_hooks); /* cannot fail on Linux */
	d->chunks = NULL;
	doc_reset(d);
}

void json_doc_fini(struct json_doc *d)
{
	doc_reset(d);
}

/* ---- the first pass ---------------------------------------------------- */

struct inspector {
	const char *text;
	size_t len;
	size_t at;
	unsigned depth;
	unsigned n_values;
	bool has_zero;
	/* the topmost member "id": where its value starts and ends */
	bool in_id;
	bool is_key_next; /* at depth 1: the next string is a member's name */
	size_t id_start, id_end;
};

static bool ends_plain_run(unsigned char c)
{
	return c == '"' || c == '\\' || c < 0x20;
}

/* From behind the opening quote to behind the closing one. */
static int inspect_string(struct inspector *i)
{
	const char *s = i->text;

	while (i->at < i->len) {
		unsigned char c = (unsigned char)s[i->at];

		if (!ends_plain_run(c)) {
			i->at++;
			continue;
		}
		if (c == '"') {
			i->at++;
			return 0;
		}
		if (c < 0x20)
			return err_set(-EBADMSG,
				       "not JSON: a bare control character in "
				       "a string at byte %zu",
				       i->at);
		if (i->len - i->at >= 6 && !memcmp(s + i->at, "\\u0000", 6))
			i->has_zero = true;
		i->at += 2;
	}
	return err_set(-EBADMSG, "not JSON: a string does not end");
}

static void end_id(struct inspector *i)
{
	if (i->in_id && i->depth == 1) {
		i->in_id = false;
		i->id_end = i->at;
	}
}

/* A string just passed, that started at `start`: was it the name "id"? */
static void note_name(struct inspector *i, size_t start)
{
	size_t at = i->at;

	if (i->depth != 1 || !i->is_key_next)
		return;
	i->is_key_next = false;
	if (at - start != 4 || memcmp(i->text + start, "\"id\"", 4) != 0)
		return;
	while (at < i->len && strchr(" \t\r", i->text[at]))
		at++;
	if (at >= i->len || i->text[at] != ':')
		return;
	i->in_id = true;
	i->id_start = at + 1;
}

static int open_container(struct inspector *i, char c)
{
	if (++i->depth > JSON_DEPTH_MAX)
		return err_set(TT_ETOOBIG, "JSON nested deeper than %d",
			       JSON_DEPTH_MAX);
	if (i->depth == 1)
		i->is_key_next = c == '{';
	i->n_values++;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int inspect_char(struct inspector *i, char c)
{
	switch (c) {
	case '{':
	case '[':
		return open_container(i, c);
	case '}':
	case ']':
		end_id(i);
		if (i->depth > 0)
			i->depth--;
		return 0;
	case ',':
		end_id(i);
		if (i->depth == 1)
			i->is_key_next = true;
		i->n_values++;
		return 0;
	default:
		break;
	}
	if ((unsigned char)c < 0x20 && !is_space(c))
		return err_set(-EBADMSG,
			       "not JSON: a bare control character at byte %zu",
			       i->at);
	return 0;
}

static bool is_next(const struct inspector *i, const char *set)
{
	return i->at < i->len && i->text[i->at] && strchr(set, i->text[i->at]);
}

/* Passes digits: false when there is none. */
static bool skip_digits(struct inspector *i)
{
	size_t start = i->at;

	while (is_next(i, "0123456789"))
		i->at++;
	return i->at > start;
}

/* cJSON takes numbers such as 01 and 1. too; an id is given back as it came,
 * and our answers are JSON. */
static int inspect_number(struct inspector *i)
{
	size_t start = i->at;
	bool is_good;

	i->at += is_next(i, "-");
	if (is_next(i, "0")) {
		i->at++;
		is_good = !is_next(i, "0123456789");
	} else {
		is_good = skip_digits(i);
	}
	if (is_good && is_next(i, ".")) {
		i->at++;
		is_good = skip_digits(i);
	}
	if (is_good && is_next(i, "eE")) {
		i->at++;
		i->at += is_next(i, "+-");
		is_good = skip_digits(i);
	}
	if (!is_good)
		return err_set(-EBADMSG, "not JSON: no number at byte %zu",
			       start);
	return 0;
}

static int inspect(struct inspector *i)
{
	int r;

	if (!utf8_is_valid(SLICE(i->text, i->len)))
		return err_set(-EBADMSG, "not UTF-8: send bytes as base64 with "
					 "\"encoding\": \"base64\"");
	while (i->at < i->len) {
		if (i->text[i->at] == '"') {
			size_t start = i->at++;

			r = inspect_string(i);
			if (r == 0)
				note_name(i, start);
		} else if (is_next(i, "-0123456789")) {
			r = inspect_number(i);
		} else {
			r = inspect_char(i, i->text[i->at]);
			i->at++;
		}
		if (r < 0)
			return r;
		if (i->n_values > JSON_VALUES_MAX)
			return err_set(TT_ETOOBIG,
				       "more than %u JSON values in a line",
				       JSON_VALUES_MAX);
	}
	return 0;
}

/* ---- zero bytes -------------------------------------------------------- */

/* A copy of the text in which each \u0000 is C0 80. The text itself stays: it
 * may be parsed again. */
static int hide_zeros(struct json_doc *d, const char **text, size_t *len)
{
	const char *from = *text;
	size_t to = 0, n = *len;
	char *copy = doc_alloc(d, n);

	if (!copy)
		return err_nomem("a request");
	for (size_t at = 0; at < n;) {
		if (from[at] == '\\' && n - at >= 6 &&
		    !memcmp(from + at, "\\u0000", 6)) {
			copy[to++] = (char)0xc0;
			copy[to++] = (char)0x80;
			at += 6;
			continue;
		}
		if (from[at] == '\\' && at + 1 < n)
			copy[to++] = from[at++];
		copy[to++] = from[at++];
	}
	*text = copy;
	*len = to;
	return 0;
}

struct tt_slice json_bytes(const struct json_doc *d, cJSON *string)
{
	char *s = string->valuestring;
	size_t len = strlen(s), to = 0;

	if (!d->has_zero)
		return SLICE(s, len);
	/* Restoring twice would see the first zero as the end; the length is
	 * kept in the item for that. */
	if (string->type & cJSON_IsReference)
		return SLICE(s, (size_t)string->valuedouble);
	for (size_t at = 0; at < len; at++) {
		if ((unsigned char)s[at] == 0xc0) {
			s[to++] = '\0';
			at++;
		} else {
			s[to++] = s[at];
		}
	}
	string->type |= cJSON_IsReference;
	string->valuedouble = (double)to;
	return SLICE(s, to);
}

/* ---- the document ------------------------------------------------------ */

static struct tt_slice trimmed(const char *text, size_t start, size_t end)
{
	while (start < end && strchr(" \t\r\n", text[start]))
		start++;
	while (end > start && strchr(" \t\r\n", text[end - 1]))
		end--;
	return SLICE(text + start, end - start);
}

int json_parse(struct json_doc *d, const char *text, size_t len, cJSON **out,
	       struct tt_slice *id)
{
	struct inspector i = { .text = text, .len = len };
	const char *end = NULL;
	cJSON *tree;
	int r;

	doc_reset(d);
	r = inspect(&i);
	if (r < 0)
		return r;
	if (id)
		*id = trimmed(text, i.id_start, i.id_end);
	d->has_zero = i.has_zero;
	if (i.has_zero) {
		r = hide_zeros(d, &text, &len);
		if (r < 0)
			return r;
	}

	current = d;
	tree = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	current = NULL;
	if (!tree)
		return err_set(-EBADMSG, "not JSON: error near byte %zu",
			       end ? (size_t)(end - text) : 0);
	if (trimmed(text, (size_t)(end - text), len).len > 0)
		return err_set(-EBADMSG, "not JSON: text behind the value");
	*out = tree;
	return 0;
}

int json_integer(const cJSON *item, int64_t *out)
{
	double v = item->valuedouble;

	if (!cJSON_IsNumber(item) || !(fabs(v) <= 9007199254740992.0) ||
	    v != floor(v))
		return -EBADMSG;
	*out = (int64_t)v;
	return 0;
}
