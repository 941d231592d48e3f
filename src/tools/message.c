/* SPDX-License-Identifier: MIT */
#include "tools/message.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "server/base64.h"
#include "server/utf8.h"

static void put_name(struct json_out *j, const char *name)
{
	json_lit(j, ",\"");
	json_put(j, slice_str(name));
	json_lit(j, "\":");
}

void ask_begin(struct json_out *j, const char *operation)
{
	json_lit(j, "{\"operation\":\"");
	json_put(j, slice_str(operation));
	json_lit(j, "\"");
}

void ask_end(struct json_out *j)
{
	json_lit(j, "}\n");
}

void ask_bytes(struct json_out *j, const char *name, const char *encoding,
	       struct tt_slice bytes)
{
	put_name(j, name);
	if (utf8_is_valid(bytes)) {
		json_string(j, bytes);
		return;
	}
	json_base64(j, bytes);
	put_name(j, encoding);
	json_lit(j, "\"base64\"");
}

void ask_flag(struct json_out *j, const char *name, bool value)
{
	put_name(j, name);
	json_bool(j, value);
}

void ask_int(struct json_out *j, const char *name, int64_t value)
{
	put_name(j, name);
	json_int(j, value);
}

/* ---- answers ----------------------------------------------------------- */

void answer_init(struct answer *a)
{
	json_doc_init(&a->doc);
	a->root = NULL;
}

void answer_fini(struct answer *a)
{
	json_doc_fini(&a->doc);
}

cJSON *answer_item(const cJSON *object, const char *name)
{
	for (cJSON *i = object->child; i; i = i->next)
		if (i->string && !strcmp(i->string, name))
			return i;
	return NULL;
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *i = answer_item(object, name);

	return cJSON_IsString(i) ? i->valuestring : "";
}

int answer_parse(struct answer *a, struct tt_slice line)
{
	int r = json_parse(&a->doc, line.data, line.len, &a->root, NULL);

	if (r < 0)
		return r;
	a->line = line;
	if (!cJSON_IsObject(a->root) ||
	    !cJSON_IsBool(answer_item(a->root, "success")))
		return err_set(-EBADMSG, "what answered is no ttrunks server");
	a->success = cJSON_IsTrue(answer_item(a->root, "success"));
	a->error = a->success ? "" : text_of(a->root, "error");
	a->code = a->success ? "" : text_of(a->root, "code");
	return 0;
}

int answer_bytes(struct answer *a, cJSON *object, const char *name,
		 const char *encoding, struct tt_slice *out)
{
	cJSON *item = answer_item(object, name);
	struct tt_slice s;

	if (!cJSON_IsString(item))
		return err_set(-EBADMSG, "the answer has no \"%s\"", name);
	s = json_bytes(&a->doc, item);
	if (!strcmp(text_of(object, encoding), "base64")) {
		if (base64_decode(s.data, s.len, item->valuestring, &s.len) < 0)
			return err_set(-EBADMSG, "\"%s\" is not base64", name);
		s.data = item->valuestring;
	}
	*out = s;
	return 0;
}

int64_t answer_int(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *i = answer_item(object, name);
	int64_t v;

	return i && json_integer(i, &v) == 0 ? v : otherwise;
}
