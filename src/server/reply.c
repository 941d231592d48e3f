/* SPDX-License-Identifier: MIT */
#include "server/reply.h"

#include <errno.h>

#include "base/err.h"
#include "server/utf8.h"

/* ---- errors ------------------------------------------------------------ */

struct code_row {
	int code;
	const char *word;
	const char *text; /* where the failure brought none; NULL: general */
};

static const struct code_row codes[] = {
	{ -EBADMSG, "BAD_REQUEST", "not a request" },
	{ TT_EUNSUPPORTED, "UNSUPPORTED", NULL },
	{ -EOPNOTSUPP, "UNSUPPORTED", NULL },
	{ TT_EKEY, "INVALID_KEY", NULL },
	{ -ENAMETOOLONG, "INVALID_KEY", "a name in the key is too long" },
	{ -ENOENT, "NOT_FOUND", "no such key" },
	{ -EEXIST, "EXISTS", "the key exists" },
	{ -EISDIR, "IS_A_DIRECTORY", "the key is a directory" },
	{ -ENOTDIR, "NOT_A_DIRECTORY", "a part of the key is no directory" },
	{ -ENOTEMPTY, "NOT_EMPTY",
	  "the directory is not empty; \"recursive\": true deletes all of it" },
	{ TT_ETOOBIG, "TOO_LARGE", NULL },
	{ -EFBIG, "TOO_LARGE", NULL },
	{ -E2BIG, "TOO_LARGE", NULL },
	{ TT_ECONFLICT, "CONFLICT", NULL },
	{ TT_EREADONLY, "READ_ONLY", NULL },
	{ -EROFS, "READ_ONLY", NULL },
	{ -ENOSPC, "NO_SPACE", NULL },
	{ -EDQUOT, "NO_SPACE", NULL },
	{ -EBUSY, "BUSY", NULL },
	{ -EAGAIN, "BUSY", NULL },
	{ -ENOMEM, "BUSY", "out of memory" },
	{ TT_ECORRUPT, "CORRUPTION", NULL },
	{ TT_ECLOSED, "SHUTTING_DOWN", "the server is shutting down" },
	{ -ESHUTDOWN, "SHUTTING_DOWN", "the server is shutting down" },
	{ -EACCES, "UNAUTHENTICATED", NULL },
};

static const struct code_row *find_row(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].code == code)
			return &codes[i];
	return NULL;
}

const char *reply_code(int code)
{
	const struct code_row *row = find_row(code);

	return row ? row->word : "IO";
}

const char *reply_text(int code)
{
	const struct code_row *row = find_row(code);

	return row && row->text ? row->text : err_describe(code);
}

static const char *text_of(int code)
{
	if (err_code() == code && *err_text())
		return err_text();
	return reply_text(code);
}

void reply_error_fields(struct json_out *o, int code, const char *text)
{
	const struct code_row *row = find_row(code);

	json_lit(o, ",\"error\":\"");
	json_string_part_lossy(o, slice_str(text ? text : text_of(code)));
	json_lit(o, "\",\"code\":\"");
	json_put(o, slice_str(row ? row->word : "IO"));
	json_lit(o, "\"");
}

static void put_id(struct json_out *o, struct tt_slice id)
{
	if (id.len == 0)
		return;
	json_lit(o, ",\"id\":");
	json_put(o, id);
}

void reply_error(struct json_out *o, struct tt_slice id, int code,
		 const char *text)
{
	json_lit(o, "{\"success\":false");
	put_id(o, id);
	reply_error_fields(o, code, text);
	reply_end(o);
}

/* ---- success ----------------------------------------------------------- */

void reply_begin(struct json_out *o, struct tt_slice id)
{
	json_lit(o, "{\"success\":true");
	put_id(o, id);
}

void reply_end(struct json_out *o)
{
	json_lit(o, "}\n");
}

void reply_bytes(struct json_out *o, const char *name, const char *encoding,
		 struct tt_slice bytes, bool base64)
{
	json_put(o, slice_str(name));
	if (!base64 && utf8_is_valid(bytes)) {
		json_string(o, bytes);
		return;
	}
	json_base64(o, bytes);
	json_put(o, slice_str(encoding));
	json_lit(o, "\"base64\"");
}

void reply_key(struct json_out *o, struct tt_slice key)
{
	reply_bytes(o, "\"key\":", ",\"key_encoding\":", key, false);
}

void reply_value(struct json_out *o, struct tt_slice value, bool base64)
{
	reply_bytes(o, ",\"value\":", ",\"encoding\":", value, base64);
}

void reply_version(struct json_out *o, int64_t version)
{
	json_lit(o, ",\"version\":");
	json_int(o, version);
}

static const char *type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFBLK:
		return "block_device";
	case S_IFCHR:
		return "character_device";
	default:
		return "unknown";
	}
}

void reply_attr(struct json_out *o, const struct tree_attr *a)
{
	char mode[5];

	for (int i = 0; i < 4; i++)
		mode[i] = (char)('0' + (a->mode >> (9 - 3 * i) & 7));
	json_lit(o, ",\"type\":\"");
	json_put(o, slice_str(type_of(a->mode)));
	json_lit(o, "\",\"size\":");
	json_uint(o, a->size);
	json_lit(o, ",\"mode\":\"");
	json_put(o, SLICE(mode, 4));
	json_lit(o, "\",\"mtime\":");
	json_int(o,
		 (int64_t)a->mtime.tv_sec * 1000000 + a->mtime.tv_nsec / 1000);
	reply_version(o, a->version);
}
