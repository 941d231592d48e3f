/* SPDX-License-Identifier: MIT */
/*
 * The JSON of the port: what is written can be read back byte for byte, what
 * cannot be trusted is refused, and no line, however mangled, does harm.
 */
#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/rand.h"
#include "server/base64.h"
#include "server/json_in.h"
#include "server/json_out.h"
#include "server/utf8.h"
#include "support/check_main.h"

static struct json_doc doc;
static struct buf text;
static struct json_out out;

static void setup(void)
{
	json_doc_init(&doc);
	buf_init(&text);
	out = (struct json_out){ .buf = &text };
}

static void teardown(void)
{
	json_doc_fini(&doc);
	buf_fini(&text);
}

static int scale(void)
{
	const char *s = getenv("TT_TEST_SCALE");

	return s ? (int)strtol(s, NULL, 10) : 1;
}

static int parse_text(const char *s, cJSON **root, struct tt_slice *id)
{
	return json_parse(&doc, s, strlen(s), root, id);
}

static const char *emitted(void)
{
	ck_assert_int_eq(out.err, 0);
	return buf_cstr(&text);
}

/* ---- UTF-8 and base64 -------------------------------------------------- */

START_TEST(utf8_takes_each_length_and_refuses_what_is_malformed)
{
	static const char *const good[] = { "",
					    "plain",
					    "\xc3\xa9",
					    "\xe2\x82\xac",
					    "\xf0\x9f\x90\x98",
					    "12345678\xc3\xa9",
					    "\xed\x9f\xbf",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
					   "\xc3",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf4\x90\x80\x80",
					   "\xf8\x88\x80\x80\x80",
					   "\xff",
					   "abcdefgh\xe2\x82",
					   "\xe2\x28\xa1" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ck_assert_msg(utf8_is_valid(slice_str(good[i])), "good %zu", i);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!utf8_is_valid(slice_str(bad[i])), "bad %zu", i);
	ck_assert(utf8_is_valid(SLICE("a\0b", 3)));
}
END_TEST

START_TEST(base64_gives_the_rfcs_examples)
{
	static const char *const raw[] = { "",	   "f",	    "fo",    "foo",
					   "foob", "fooba", "foobar" };
	static const char *const coded[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"
	};

	for (size_t i = 0; i < ARRAY_LEN(raw); i++) {
		char buf[16], back[16];
		size_t n = base64_encoded_len(strlen(raw[i])), m;

		base64_encode(slice_str(raw[i]), buf);
		ck_assert_uint_eq(n, strlen(coded[i]));
		ck_assert_mem_eq(buf, coded[i], n);
		ck_assert_int_eq(base64_decode(buf, n, back, &m), 0);
		ck_assert_uint_eq(m, strlen(raw[i]));
		ck_assert_mem_eq(back, raw[i], m);
	}
}
END_TEST

START_TEST(base64_refuses_what_is_none)
{
	static const char *const bad[] = { "Z",	   "Zg",   "Zg=",     "Zg=a",
					   "Z===", "Zh==", "Zm9=",    "Zm9v\n",
					   "Zm_v", "====", "Zg==Zg==" };
	size_t n;
	char back[16];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(base64_decode(bad[i], strlen(bad[i]), back, &n) <
				      0,
			      "%s", bad[i]);
}
END_TEST

/* ---- writing ----------------------------------------------------------- */

START_TEST(strings_are_escaped)
{
	json_string(&out, SLICE("a\"b\\c\n\r\t\0\x1f\x7f/\xc3\xa9", 14));
	ck_assert_str_eq(emitted(),
			 "\"a\\\"b\\\\c\\n\\r\\t\\u0000\\u001f\x7f/\xc3\xa9"
			 "\"");
}
END_TEST

START_TEST(lossy_text_replaces_each_bad_byte)
{
	json_string_part_lossy(&out, slice_str("a\xff\xfe\xc3\xa9\xc3"));
	ck_assert_str_eq(emitted(),
			 "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd");
}
END_TEST

START_TEST(numbers_are_exact_at_their_ends)
{
	json_int(&out, INT64_MIN);
	json_lit(&out, " ");
	json_int(&out, INT64_MAX);
	json_lit(&out, " ");
	json_uint(&out, UINT64_MAX);
	json_lit(&out, " ");
	json_int(&out, 0);
	ck_assert_str_eq(emitted(), "-9223372036854775808 9223372036854775807 "
				    "18446744073709551615 0");
}
END_TEST

/* Text of `n` characters, all kinds of them. */
static void random_text(struct rng *r, size_t n, struct buf *b)
{
	static const char *const chars[] = {
		"\"",	 "\\",	     "\n",	     "\x01",
		"/",	 "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98",
		"u0000", "}"
	};

	buf_clear(b);
	for (size_t i = 0; i < n; i++) {
		if (rng_one_in(r, 8))
			ck_ok(buf_append_byte(b, 0));
		else if (rng_one_in(r, 3))
			ck_ok(buf_append_str(
				b, chars[rng_below(r, ARRAY_LEN(chars))]));
		else
			ck_ok(buf_append_byte(
				b, (uint8_t)('a' + rng_below(r, 26))));
	}
}

START_TEST(any_text_comes_back_as_it_went)
{
	struct buf want = BUF_INIT;
	struct rng r;
	uint64_t seed = 4711;

	rng_init(&r, seed);
	for (int i = 0; i < 2000 * scale(); i++) {
		cJSON *root;
		struct tt_slice got;

		random_text(&r, rng_below(&r, rng_one_in(&r, 50) ? 9000 : 60),
			    &want);
		buf_clear(&text);
		json_lit(&out, "{\"v\":");
		json_string(&out, buf_slice(&want));
		json_lit(&out, "}");
		ck_assert_int_eq(out.err, 0);
		ck_ok(json_parse(&doc, (char *)text.data, text.len, &root,
				 NULL));
		got = json_bytes(&doc, root->child);
		ck_assert_msg(slice_eq(got, buf_slice(&want)),
			      "seed %llu round %d", (unsigned long long)seed,
			      i);
		/* A second look sees the same. */
		got = json_bytes(&doc, root->child);
		ck_assert(slice_eq(got, buf_slice(&want)));
	}
	buf_fini(&want);
}
END_TEST

/* ---- reading ----------------------------------------------------------- */

START_TEST(zero_bytes_do_not_end_strings)
{
	cJSON *root;
	struct tt_slice s;

	ck_ok(parse_text("{\"k\":\"a\\u0000b\\\\u0000\"}", &root, NULL));
	s = json_bytes(&doc, root->child);
	ck_assert_uint_eq(s.len, 9);
	ck_assert_mem_eq(s.data, "a\0b\\u0000", 9);
}
END_TEST

START_TEST(id_is_raw_and_topmost)
{
	static const char *const lines[][2] = {
		{ "{\"id\":7}", "7" },
		{ "{\"a\":{\"id\":1}, \"id\" : [1, {\"x\":\",}\"}] ,\"b\":2}",
		  "[1, {\"x\":\",}\"}]" },
		{ "{\"id\":12345678901234567890}", "12345678901234567890" },
		{ "{\"id\":\"z\\u0000\\\"\"}", "\"z\\u0000\\\"\"" },
		{ "{\"a\":\"id\",\"b\":[\"id\",1]}", "" },
		{ "{\"id\":null}", "null" },
		{ "[\"id\",3]", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct tt_slice id;
		cJSON *root;

		ck_ok(parse_text(lines[i][0], &root, &id));
		ck_assert_msg(slice_eq(id, slice_str(lines[i][1])), "%s: %.*s",
			      lines[i][0], (int)id.len, (char *)id.data);
	}
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
	static const char *const bad[] = {
		"",
		"nonsense",
		"{",
		"{\"a\":1",
		"{\"a\":1}x",
		"{\"a\":\"",
		"{\"a\\",
		"{\"a\":\"\t\"}",
		"{}{}",
		"\xff\xfe",
		"{\"\xff\":1}",
		"{'a':1}",
		"[1,]",
		"{\"a\" 1}",
		"\"\\u12\"",
		"\"\\ud800\"",
		"{,}",
		"\"\\x\"",
	};
	cJSON *root;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(parse_text(bad[i], &root, NULL) == -EBADMSG, "%s",
			      bad[i]);
	ck_assert_int_eq(json_parse(&doc, "{\0}", 3, &root, NULL), -EBADMSG);
}
END_TEST

START_TEST(depth_is_bounded)
{
	char deep[2 * JSON_DEPTH_MAX + 3];
	cJSON *root;

	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	ck_ok(json_parse(&doc, deep, sizeof(deep) - 3, &root, NULL));
	memset(deep, '[', JSON_DEPTH_MAX + 1);
	memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	ck_err(json_parse(&doc, deep, sizeof(deep) - 1, &root, NULL),
	       TT_ETOOBIG);
}
END_TEST

START_TEST(the_number_of_values_is_bounded)
{
	cJSON *root;

	ck_ok(buf_append_str(&text, "[0"));
	for (unsigned i = 0; i < JSON_VALUES_MAX + 1; i++)
		ck_ok(buf_append_str(&text, ",0"));
	ck_ok(buf_append_str(&text, "]"));
	ck_err(json_parse(&doc, (char *)text.data, text.len, &root, NULL),
	       TT_ETOOBIG);
}
END_TEST

START_TEST(integers_are_whole_and_exact)
{
	static const char *const bad[] = { "1.5", "9007199254740994", "\"1\"",
					   "1e300", "true" };
	cJSON *root;
	int64_t v;

	ck_ok(parse_text("9007199254740991", &root, NULL));
	ck_assert_int_eq(json_integer(root, &v), 0);
	ck_assert_int_eq(v, 9007199254740991);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_ok(parse_text(bad[i], &root, NULL));
		ck_assert_msg(json_integer(root, &v) < 0, "%s", bad[i]);
	}
}
END_TEST

/* Mangles a line in place: flips, cuts, doubles. */
static void mutate(struct rng *r, struct buf *b)
{
	for (uint64_t n = 1 + rng_below(r, 4); n > 0 && b->len > 0; n--) {
		size_t at = rng_below(r, b->len);

		switch (rng_below(r, 4)) {
		case 0:
			b->data[at] = (uint8_t)rng_next(r);
			break;
		case 1:
			b->data[at] =
				(uint8_t) "{}[]\",:\\u0"[rng_below(r, 10)];
			break;
		case 2:
			buf_truncate(b, at);
			break;
		default:
			ck_ok(buf_reserve(b, b->len));
			buf_put(b, b->data, b->len);
			if (b->len > 100000)
				buf_truncate(b, 50);
		}
	}
}

START_TEST(mangled_lines_do_no_harm)
{
	static const char *const seeds[] = {
		"{\"operation\":\"GET\",\"key\":\"users/alice\",\"id\":[1,2]}",
		"{\"operation\":\"SET\",\"key\":\"a\\u0000\",\"value\":\"\\\\\"}",
		"{\"operation\":\"BATCH\",\"ops\":[{\"operation\":\"SET\",\"k"
		"ey\":\"\xc3\xa9\",\"value\":\"x\"}],\"id\":{\"a\":null}}",
	};
	struct rng r;
	uint64_t seed = 20260101;

	rng_init(&r, seed);
	for (int i = 0; i < 20000 * scale(); i++) {
		struct tt_slice id;
		cJSON *root;

		buf_clear(&text);
		ck_ok(buf_append_str(&text,
				     seeds[rng_below(&r, ARRAY_LEN(seeds))]));
		mutate(&r, &text);
		if (json_parse(&doc, (char *)text.data, text.len, &root, &id) <
		    0)
			continue;
		for (cJSON *c = root->child; c; c = c->next)
			if (cJSON_IsString(c))
				ck_assert(utf8_is_valid(json_bytes(&doc, c)));
	}
}
END_TEST

static Suite *json_suite(void)
{
	Suite *s = suite_create("server json");
	TCase *t = tcase_create("json");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, utf8_takes_each_length_and_refuses_what_is_malformed);
	tcase_add_test(t, base64_gives_the_rfcs_examples);
	tcase_add_test(t, base64_refuses_what_is_none);
	tcase_add_test(t, strings_are_escaped);
	tcase_add_test(t, lossy_text_replaces_each_bad_byte);
	tcase_add_test(t, numbers_are_exact_at_their_ends);
	tcase_add_test(t, any_text_comes_back_as_it_went);
	tcase_add_test(t, zero_bytes_do_not_end_strings);
	tcase_add_test(t, id_is_raw_and_topmost);
	tcase_add_test(t, what_is_no_json_is_refused);
	tcase_add_test(t, depth_is_bounded);
	tcase_add_test(t, the_number_of_values_is_bounded);
	tcase_add_test(t, integers_are_whole_and_exact);
	tcase_add_test(t, mangled_lines_do_no_harm);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(json_suite)
