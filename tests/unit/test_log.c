/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "tests/support/check_main.h"
#include "tests/support/tmpdir.h"

static char *dir;
static struct log_sink *sink;
static struct buf text;

static void setup(void)
{
	dir = tmpdir_new();
}

static void teardown(void)
{
	log_detach(sink);
	sink = NULL;
	buf_fini(&text);
	tmpdir_free(dir);
}

static const char *contents(const char *name)
{
	buf_clear(&text);
	ck_ok(env_read_file(env_posix(), tmpdir_path(dir, name), 1 << 24,
			    &text));
	return buf_cstr(&text);
}

static void attach(enum log_level level, uint64_t max, unsigned keep)
{
	ck_ok(log_attach_file(tmpdir_path(dir, "LOG"), level, max, keep,
			      &sink));
}

START_TEST(line_has_time_level_and_subsystem)
{
	const char *line;

	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	log_info(LOG_COMPACT, "table %d done", 7);
	line = contents("LOG");
	ck_assert_uint_eq(strspn(line, "0123456789-T:.Z"), 27);
	ck_assert_str_eq(line + 27, " info  compact  table 7 done\n");
}
END_TEST

START_TEST(levels_below_are_left_out)
{
	attach(LOG_LEVEL_WARN, UINT64_MAX, 1);
	log_info(LOG_DB, "no");
	log_error(LOG_DB, "yes");
	ck_assert_ptr_null(strstr(contents("LOG"), "no"));
	ck_assert_ptr_nonnull(strstr(contents("LOG"), "yes"));
}
END_TEST

START_TEST(control_characters_cannot_forge_a_line)
{
	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	log_info(LOG_DB, "key a\nb\x1b");
	ck_assert_ptr_nonnull(strstr(contents("LOG"), "a\\x0ab\\x1b\n"));
}
END_TEST

START_TEST(rotation_keeps_the_number_asked_for)
{
	attach(LOG_LEVEL_INFO, 200, 2);
	for (int i = 0; i < 40; i++)
		log_info(LOG_DB, "line %02d", i);
	ck_assert_ptr_nonnull(strstr(contents("LOG"), "line 39"));
	ck_assert_uint_le(text.len, 200);
	(void)contents("LOG.1");
	(void)contents("LOG.2");
	ck_assert_int_eq(access(tmpdir_path(dir, "LOG.3"), F_OK), -1);
}
END_TEST

START_TEST(reopening_appends)
{
	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	log_info(LOG_DB, "first");
	log_detach(sink);
	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	log_info(LOG_DB, "second");
	ck_assert_ptr_nonnull(strstr(contents("LOG"), "first"));
	ck_assert_ptr_nonnull(strstr(contents("LOG"), "second"));
}
END_TEST

START_TEST(without_a_sink_nothing_happens)
{
	ck_assert_int_eq(log_max_level, -1);
	log_error(LOG_DB, "nobody listens");
}
END_TEST

START_TEST(long_line_is_cut_and_ends)
{
	char *big = malloc(10000);

	memset(big, 'x', 9999);
	big[9999] = 0;
	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	log_info(LOG_DB, "%s", big);
	(void)contents("LOG");
	ck_assert_uint_lt(text.len, LOG_LINE_MAX + 100);
	ck_assert_int_eq(text.data[text.len - 1], '\n');
	free(big);
}
END_TEST

static void *chat(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++)
		log_info(LOG_SERVER, "0123456789 0123456789 end");
	return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
	pthread_t th[4];
	const char *p;
	int n = 0;

	attach(LOG_LEVEL_INFO, UINT64_MAX, 1);
	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, chat, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	for (p = contents("LOG"); (p = strstr(p, "9 end\n")); p++)
		n++;
	ck_assert_int_eq(n, 800);
}
END_TEST

START_TEST(level_names)
{
	ck_assert_int_eq(log_level_by_name("warn"), LOG_LEVEL_WARN);
	ck_assert_int_eq(log_level_by_name("loud"), -EINVAL);
}
END_TEST

static Suite *log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, line_has_time_level_and_subsystem);
	tcase_add_test(t, levels_below_are_left_out);
	tcase_add_test(t, control_characters_cannot_forge_a_line);
	tcase_add_test(t, rotation_keeps_the_number_asked_for);
	tcase_add_test(t, reopening_appends);
	tcase_add_test(t, without_a_sink_nothing_happens);
	tcase_add_test(t, long_line_is_cut_and_ends);
	tcase_add_test(t, lines_of_threads_do_not_mix);
	tcase_add_test(t, level_names);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(log_suite)
