/* SPDX-License-Identifier: MIT */
/*
 * Requests without sockets: run one by one against a real tree, on the loop's
 * terms and on a worker's.
 */
#include <check.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/rand.h"
#include "server/reply.h"
#include "server/request.h"
#include "support/check_main.h"
#include "support/tmpdir.h"

static char *dir;
static struct tt *db;
static struct tree *tree;
static struct service service;
static struct session session;
static struct request quick, slow;
static struct buf out;

static void setup(void)
{
	const struct server_options o = { .face = "test", .items_max = 100 };
	struct tt_options *to = tt_options_new();

	dir = tmpdir_new();
	ck_ok(tt_options_set(to, "memory", "16M"));
	ck_ok(tt_open(dir, to, &db));
	tt_options_free(to);
	ck_ok(tree_open(db, &tree));
	ck_ok(service_init(&service, tree, &o));
	session_init(&session, &service);
	request_init(&quick, &session, false);
	request_init(&slow, &session, true);
	buf_init(&out);
}

static void teardown(void)
{
	request_fini(&quick);
	request_fini(&slow);
	session_fini(&session);
	service_fini(&service);
	buf_fini(&out);
	ck_ok(tree_close(tree));
	ck_ok(tt_close(db));
	tmpdir_free(dir);
}

/* Runs a line as the server does; its answer, valid until the next. */
static const char *ask_bytes_of(const char *line, size_t len)
{
	int r;

	buf_clear(&out);
	r = request_run(&quick, line, len, &out);
	if (r == REQUEST_WORKER) {
		ck_assert_uint_eq(out.len, 0);
		r = request_run(&slow, line, len, &out);
	}
	while (r == REQUEST_MORE)
		r = request_continue(&slow);
	ck_assert_int_eq(r, REQUEST_DONE);
	return buf_cstr(&out);
}

static const char *ask(const char *line)
{
	return ask_bytes_of(line, strlen(line));
}

static void expect_code(const char *line, const char *code)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "\"code\":\"%s\"}\n", code);
	ck_assert_msg(strstr(ask(line), text), "%s: %s", line,
		      (char *)out.data);
}

START_TEST(every_failure_has_its_word)
{
	static const struct {
		int code;
		const char *word;
	} rows[] = {
		{ -EBADMSG, "BAD_REQUEST" },
		{ TT_EUNSUPPORTED, "UNSUPPORTED" },
		{ TT_EKEY, "INVALID_KEY" },
		{ -ENAMETOOLONG, "INVALID_KEY" },
		{ -ENOENT, "NOT_FOUND" },
		{ -EEXIST, "EXISTS" },
		{ -EISDIR, "IS_A_DIRECTORY" },
		{ -ENOTDIR, "NOT_A_DIRECTORY" },
		{ -ENOTEMPTY, "NOT_EMPTY" },
		{ TT_ETOOBIG, "TOO_LARGE" },
		{ TT_ECONFLICT, "CONFLICT" },
		{ TT_EREADONLY, "READ_ONLY" },
		{ -EROFS, "READ_ONLY" },
		{ -ENOSPC, "NO_SPACE" },
		{ -EDQUOT, "NO_SPACE" },
		{ -EBUSY, "BUSY" },
		{ -ENOMEM, "BUSY" },
		{ TT_ECORRUPT, "CORRUPTION" },
		{ -EIO, "IO" },
		{ TT_EPOISONED, "IO" },
		{ -EACCES, "UNAUTHENTICATED" },
		{ TT_ECLOSED, "SHUTTING_DOWN" },
		{ -12345, "IO" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ck_assert_str_eq(reply_code(rows[i].code), rows[i].word);
		ck_assert(*reply_text(rows[i].code));
	}
}
END_TEST

START_TEST(an_error_keeps_the_text_of_where_it_arose)
{
	struct json_out j = { .buf = &out };

	(void)err_set(TT_ECORRUPT, "sst/000001.sst: block at 4096 \"bad\"\xff");
	reply_error(&j, slice_str("7"), TT_ECORRUPT, NULL);
	ck_assert_str_eq(buf_cstr(&out),
			 "{\"success\":false,\"id\":7,\"error\":"
			 "\"sst/000001.sst: block at 4096 \\\"bad\\\""
			 "\xef\xbf\xbd\",\"code\":\"CORRUPTION\"}\n");
}
END_TEST

START_TEST(nothing_begins_once_the_server_stops)
{
	(void)ask("{\"operation\":\"SET\",\"key\":\"a\",\"value\":\"1\"}");
	atomic_store(&service.is_stopping, true);
	expect_code("{\"operation\":\"SET\",\"key\":\"a\",\"value\":\"2\"}",
		    "SHUTTING_DOWN");
	expect_code("{\"operation\":\"COUNT\"}", "SHUTTING_DOWN");
	atomic_store(&service.is_stopping, false);
	ck_assert(strstr(ask("{\"operation\":\"GET\",\"key\":\"a\"}"),
			 "\"data\":\"1\""));
}
END_TEST

START_TEST(what_may_be_slow_is_a_workers)
{
	static const char *const lines[] = {
		"{\"operation\":\"SCAN\"}",
		"{\"operation\":\"LIST\"}",
		"{\"operation\":\"COUNT\"}",
		"{\"operation\":\"MGET\",\"keys\":[]}",
		"{\"operation\":\"DELETE\",\"key\":\"a\",\"recursive\":true}",
		"{\"operation\":\"BATCH\",\"ops\":[{\"operation\":\"DELETE\","
		"\"key\":\"a\",\"recursive\":true}]}",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		buf_clear(&out);
		ck_assert_msg(request_run(&quick, lines[i], strlen(lines[i]),
					  &out) == REQUEST_WORKER,
			      "%s", lines[i]);
		ck_assert_uint_eq(out.len, 0);
	}
}
END_TEST

START_TEST(a_big_value_is_a_workers)
{
	struct buf line = BUF_INIT;
	static const char get[] = "{\"operation\":\"GET\",\"key\":\"big\"}";

	ck_ok(buf_append_str(&line, "{\"operation\":\"SET\",\"key\":\"big\","
				    "\"value\":\""));
	ck_ok(buf_append_fill(&line, 'x', 2 * REQUEST_INLINE_BYTES));
	ck_ok(buf_append_str(&line, "\"}"));
	ck_assert_int_eq(request_run(&quick, (char *)line.data, line.len, &out),
			 REQUEST_WORKER);
	ck_assert_int_eq(request_run(&slow, (char *)line.data, line.len, &out),
			 REQUEST_DONE);
	buf_clear(&out);
	ck_assert_int_eq(request_run(&quick, get, strlen(get), &out),
			 REQUEST_WORKER);
	ck_assert_int_eq(request_run(&slow, get, strlen(get), &out),
			 REQUEST_DONE);
	ck_assert_uint_gt(out.len, 2 * REQUEST_INLINE_BYTES);
	buf_fini(&line);
}
END_TEST

START_TEST(sync_is_asked_for_by_successful_writes_alone)
{
	(void)ask("{\"operation\":\"SET\",\"key\":\"a\",\"value\":\"\","
		  "\"sync\":true}");
	ck_assert(quick.wants_sync);
	(void)ask("{\"operation\":\"SET\",\"key\":\"a\",\"value\":\"\"}");
	ck_assert(!quick.wants_sync);
	(void)ask("{\"operation\":\"DELETE\",\"key\":\"zz\",\"sync\":true}");
	ck_assert(!quick.wants_sync);
}
END_TEST

START_TEST(an_answer_is_bounded_in_items)
{
	for (int i = 0; i < 150; i++) {
		char line[80];

		(void)snprintf(line, sizeof(line),
			       "{\"operation\":\"SET\",\"key\":\"k%03d\","
			       "\"value\":\"\"}",
			       i);
		(void)ask(line);
	}
	ck_assert(strstr(ask("{\"operation\":\"SCAN\"}"), "\"cursor\":"));
	ck_assert(
		strstr(ask("{\"operation\":\"LIST\"}"), "\"truncated\":true"));
	expect_code("{\"operation\":\"SCAN\",\"limit\":101}", "BAD_REQUEST");
}
END_TEST

START_TEST(an_answer_is_bounded_in_bytes)
{
	service.options.answer_max = 1000;
	for (int i = 0; i < 10; i++) {
		char line[700];

		(void)snprintf(line, sizeof(line),
			       "{\"operation\":\"SET\",\"key\":\"k%d\","
			       "\"value\":\"%0400d\"}",
			       i, i);
		(void)ask(line);
	}
	(void)ask("{\"operation\":\"SCAN\"}");
	ck_assert_uint_lt(out.len, 2000);
	ck_assert(strstr((char *)out.data, "\"cursor\":"));
	(void)ask("{\"operation\":\"LIST\"}");
	ck_assert_uint_lt(out.len, 2000);
	service.options.answer_max = 100;
	expect_code("{\"operation\":\"GET\",\"key\":\"k1\"}", "TOO_LARGE");
	ck_assert(strstr(ask("{\"operation\":\"SCAN\",\"limit\":1}"),
			 "\"code\":\"TOO_LARGE\",\"size\":400"));
	ck_assert(strstr(ask("{\"operation\":\"MGET\",\"keys\":[\"k1\"]}"),
			 "\"code\":\"TOO_LARGE\""));
}
END_TEST

/* Requests whose parts are mixed at random, and then mangled. */
static void random_line(struct rng *r, struct buf *b)
{
	static const char *const names[] = { "GET",   "set",  "DELETE",
					     "LIST",  "SCAN", "EXISTS",
					     "STAT",  "MGET", "BATCH",
					     "COUNT", "INFO", "STATS" };
	static const char *const members[] = {
		"\"key\":\"a\"",
		"\"key\":\"a/b\"",
		"\"key\":\"\\u0000\"",
		"\"key\":\"\xc3\xa9\"",
		"\"value\":\"v\\u0000\"",
		"\"value\":7",
		"\"encoding\":\"base64\"",
		"\"value\":\"//8=\"",
		"\"if_version\":3",
		"\"if_absent\":true",
		"\"recursive\":true",
		"\"limit\":1",
		"\"cursor\":\"c1\"",
		"\"cursor\":\"c2\"",
		"\"reverse\":true",
		"\"prefix\":\"a\"",
		"\"end\":\"b\"",
		"\"keys\":[\"a\",7,\"a/b\"]",
		"\"id\":[1,{}]",
		"\"key_encoding\":\"base64\"",
		"\"keys_only\":true",
		"\"ops\":[{\"operation\":\"SET\",\"key\":\"a/c\",\"value\":"
		"\"1\"},{\"operation\":\"DELETE\",\"key\":\"a\","
		"\"recursive\":true}]",
	};

	buf_clear(b);
	ck_ok(buf_printf(b, "{\"operation\":\"%s\"",
			 names[rng_below(r, ARRAY_LEN(names))]));
	for (uint64_t n = rng_below(r, 5); n > 0; n--)
		ck_ok(buf_printf(b, ",%s",
				 members[rng_below(r, ARRAY_LEN(members))]));
	ck_ok(buf_append_str(b, "}"));
	while (rng_one_in(r, 3))
		b->data[rng_below(r, b->len)] = (uint8_t)rng_next(r);
}

START_TEST(any_line_gets_one_line_of_json)
{
	const char *s = getenv("TT_TEST_SCALE");
	int n = 3000 * (s ? (int)strtol(s, NULL, 10) : 1);
	struct buf line = BUF_INIT;
	struct json_doc doc;
	uint64_t seed = 99;
	struct rng r;

	rng_init(&r, seed);
	json_doc_init(&doc);
	for (int i = 0; i < n; i++) {
		cJSON *root;

		random_line(&r, &line);
		(void)ask_bytes_of((char *)line.data, line.len);
		ck_assert(out.len > 1 && out.data[out.len - 1] == '\n');
		ck_assert(!memchr(out.data, '\n', out.len - 1));
		ck_assert_msg(json_parse(&doc, (char *)out.data, out.len - 1,
					 &root, NULL) == 0,
			      "seed %llu round %d: %.*s: %s",
			      (unsigned long long)seed, i, (int)line.len,
			      (char *)line.data, (char *)out.data);
	}
	json_doc_fini(&doc);
	buf_fini(&line);
}
END_TEST

static Suite *request_suite(void)
{
	Suite *s = suite_create("server requests");
	TCase *t = tcase_create("requests");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_failure_has_its_word);
	tcase_add_test(t, an_error_keeps_the_text_of_where_it_arose);
	tcase_add_test(t, nothing_begins_once_the_server_stops);
	tcase_add_test(t, what_may_be_slow_is_a_workers);
	tcase_add_test(t, a_big_value_is_a_workers);
	tcase_add_test(t, sync_is_asked_for_by_successful_writes_alone);
	tcase_add_test(t, an_answer_is_bounded_in_items);
	tcase_add_test(t, an_answer_is_bounded_in_bytes);
	tcase_add_test(t, any_line_gets_one_line_of_json);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(request_suite)
