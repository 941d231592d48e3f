/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/opt.h"
#include "tests/support/check_main.h"
#include "tests/support/tmpdir.h"

/* The common table and two rows of our own, as a program does it. */
#define OWN_OPTIONS(OPT)                                           \
	OPT(read_only, BOOL, "no", 0, 0, NULL, NULL, OPT_AT_START, \
	    "Refuse every change.")                                \
	OPT(workers, INT, "4", 1, 64, NULL, "N", OPT_AT_START,     \
	    "Threads that serve requests.")

struct settings {
#define OPT OPT_FIELD
#include "base/common_options.def"
#undef OPT
	OWN_OPTIONS(OPT_FIELD)
};

#define ROW(name, ...) OPT_ROW(struct settings, name, __VA_ARGS__)
static const struct opt_row rows[] = {
#define OPT ROW
#include "base/common_options.def"
#undef OPT
	OWN_OPTIONS(ROW)
};

static struct settings v;
static struct opt_set set;
static char *dir;
static struct buf out;
static char warned[600];
static bool foreground, help;
static const char *config;

static void warn(const char *text)
{
	snprintf(warned, sizeof(warned), "%s", text);
}

static void setup(void)
{
	dir = tmpdir_new();
	warned[0] = 0;
	foreground = help = false;
	unsetenv("TTRUNKSDB_MEMORY");
	unsetenv("TTRUNKSDB_MEMRY");
	ck_ok(opt_init(&set, rows, ARRAY_LEN(rows), &v));
	set.warn = warn;
}

static void teardown(void)
{
	opt_fini(&set);
	buf_fini(&out);
	tmpdir_free(dir);
}

static const char *write_file(const char *name, const char *text)
{
	const char *path = tmpdir_path(dir, name);

	ck_ok(env_replace_file(env_posix(), path, slice_str(text)));
	return path;
}

static void assert_says(const char *part)
{
	ck_assert_msg(strstr(err_text(), part) != NULL, "\"%s\" lacks \"%s\"",
		      err_text(), part);
}

START_TEST(defaults_fill_every_field)
{
	ck_assert_str_eq(v.listen, "127.0.0.1:8080");
	ck_assert_uint_eq(v.memory, 256 << 20);
	ck_assert_int_eq(v.compression, 1);
	ck_assert_int_eq(v.sync_interval, 1000);
	ck_assert(!v.read_only);
	ck_assert_int_eq(v.workers, 4);
	ck_assert_str_eq(opt_source_text(&set, opt_find(&set, "memory")),
			 "default");
}
END_TEST

START_TEST(sizes_parse)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },	   { "64k", 65536 },	 { "64K", 65536 },
		{ "1M", 1 << 20 }, { "1MiB", 1 << 20 },	 { "1 GiB", 1 << 30 },
		{ "3kb", 3072 },   { "2T", 2ull << 40 }, { "12", 12 },
	};
	static const char *const bad[] = { "",	 "x", "1.5M", "-1",
					   "1X", "M", "1M1" };
	uint64_t bytes;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		ck_ok(opt_parse_size(good[i].text, &bytes));
		ck_assert_uint_eq(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_int_eq(opt_parse_size(bad[i], &bytes), -EINVAL);
	ck_assert_int_eq(opt_parse_size("99999999999999999999", &bytes),
			 -ERANGE);
	ck_assert_int_eq(opt_parse_size("99999999999P", &bytes), -ERANGE);
}
END_TEST

START_TEST(durations_numbers_and_booleans_parse)
{
	int64_t n;
	bool b;

	ck_ok(opt_parse_duration("250", &n));
	ck_assert_int_eq(n, 250);
	ck_ok(opt_parse_duration("2m", &n));
	ck_assert_int_eq(n, 120000);
	ck_ok(opt_parse_duration("1d", &n));
	ck_assert_int_eq(n, 86400000);
	ck_assert_int_eq(opt_parse_duration("1w", &n), -EINVAL);
	ck_ok(opt_parse_int("-9223372036854775808", &n));
	ck_assert_int_eq(n, INT64_MIN);
	ck_assert_int_eq(opt_parse_int("9223372036854775808", &n), -ERANGE);
	ck_assert_int_eq(opt_parse_int("--1", &n), -EINVAL);
	ck_ok(opt_parse_bool("ON", &b));
	ck_assert(b);
	ck_assert_int_eq(opt_parse_bool("maybe", &b), -EINVAL);
}
END_TEST

START_TEST(formatted_values_parse_back)
{
	static const uint64_t sizes[] = {
		0, 1, 1023, 1024, 1536, 1 << 20, 3ull << 40, 1ull << 60
	};
	static const int64_t times[] = { 0,    1,     999,     1000,
					 1500, 60000, 5400000, 7200000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t back;

		buf_clear(&out);
		ck_ok(opt_format_size(sizes[i], &out));
		ck_ok(opt_parse_size(buf_cstr(&out), &back));
		ck_assert_uint_eq(back, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		int64_t back;

		buf_clear(&out);
		ck_ok(opt_format_duration(times[i], &out));
		ck_ok(opt_parse_duration(buf_cstr(&out), &back));
		ck_assert_int_eq(back, times[i]);
	}
}
END_TEST

START_TEST(bad_value_names_source_option_value_and_range)
{
	ck_err(opt_assign(&set, "memory", "12q", OPT_SOURCE_FILE, "c.conf:3"),
	       TT_EOPTION);
	assert_says("c.conf:3");
	assert_says("\"memory\"");
	assert_says("\"12q\" is not valid");
	assert_says("a size from 16M to 1T");
	ck_err(opt_assign(&set, "memory", "1k", OPT_SOURCE_ARGS, NULL),
	       TT_EOPTION);
	assert_says("command line");
	assert_says("out of range");
	ck_err(opt_assign(&set, "compression", "gzip", OPT_SOURCE_ENV, NULL),
	       TT_EOPTION);
	assert_says("one of none lz4 snappy zstd");
	ck_err(opt_assign(&set, "workers", NULL, OPT_SOURCE_ARGS, NULL),
	       TT_EOPTION);
	assert_says("needs a value");
	ck_assert_uint_eq(v.memory, 256 << 20);
}
END_TEST

START_TEST(unknown_name_suggests_the_nearest)
{
	ck_err(opt_assign(&set, "memroy", "1G", OPT_SOURCE_ARGS, NULL),
	       TT_EOPTION);
	assert_says("did you mean \"memory\"?");
	ck_err(opt_assign(&set, "zzzzzzzz", "1", OPT_SOURCE_ARGS, NULL),
	       TT_EOPTION);
	ck_assert_ptr_null(strstr(err_text(), "did you mean"));
}
END_TEST

START_TEST(stronger_source_wins_in_any_order)
{
	ck_ok(opt_assign(&set, "memory", "1G", OPT_SOURCE_ARGS, NULL));
	ck_ok(opt_assign(&set, "memory", "2G", OPT_SOURCE_ENV, NULL));
	ck_ok(opt_assign(&set, "memory", "3G", OPT_SOURCE_FILE, "x:1"));
	ck_assert_uint_eq(v.memory, 1 << 30);
	ck_ok(opt_assign(&set, "memory", "4G", OPT_SOURCE_ARGS, NULL));
	ck_assert_uint_eq(v.memory, 4ull << 30);
	ck_ok(opt_assign(&set, "listen", "a:1", OPT_SOURCE_FILE, "x:2"));
	ck_ok(opt_assign(&set, "listen", "b:2", OPT_SOURCE_DOTENV, ".env:1"));
	ck_assert_str_eq(v.listen, "b:2");
	ck_assert_str_eq(opt_source_text(&set, opt_find(&set, "listen")),
			 ".env:1");
}
END_TEST

START_TEST(configuration_file_is_read)
{
	ck_ok(opt_read_file(
		&set, write_file("c", "# comment\n\n  memory = 1G   # inline\n"
				      "listen=\"0.0.0.0:9000 # no comment\"\n"
				      "read-only = yes\r\n"
				      "compression = 'zstd'")));
	ck_assert_uint_eq(v.memory, 1 << 30);
	ck_assert_str_eq(v.listen, "0.0.0.0:9000 # no comment");
	ck_assert(v.read_only);
	ck_assert_int_eq(v.compression, 3);
}
END_TEST

START_TEST(configuration_errors_name_file_and_line)
{
	static const char *const bad[] = {
		"\nmemory\n",	   "\nmemory = \"1G\n",	   "\n= 1\n",
		"\nmemory = 1q\n", "\nlisten = \"a\" b\n", "\nmemry = 1G\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_err(opt_read_file(&set, write_file("c", bad[i])),
		       TT_EOPTION);
		assert_says("/c:2: ");
	}
	ck_err(opt_read_file(&set, tmpdir_path(dir, "none")), -ENOENT);
}
END_TEST

START_TEST(names_of_other_programs_are_skipped_in_files)
{
	static const char *const known[] = { "allow_other", NULL };

	set.also_known = known;
	ck_ok(opt_read_file(&set, write_file("c", "allow_other = yes\n")));
}
END_TEST

START_TEST(real_environment_beats_dotenv)
{
	const char *path = write_file(
		".env",
		"# settings\nexport TTRUNKSDB_MEMORY=1G\nPATH=/x\n"
		"TTRUNKSDB_LISTEN='1.2.3.4:5'\nTTRUNKSDB_WORKERS=\"7\" # seven\n"
		"TTRUNKSDB_DATA_DIR=/data\nTTRUNKSDB_COMPRESSION=\n");
	struct opt_env *e;

	setenv("TTRUNKSDB_MEMORY", "2G", 1);
	ck_ok(opt_env_new(path, &e));
	ck_ok(opt_read_env(&set, e));
	ck_assert_uint_eq(v.memory, 2ull << 30);
	ck_assert_str_eq(v.listen, "1.2.3.4:5");
	ck_assert_int_eq(v.workers, 7);
	ck_assert_int_eq(v.compression, 1);
	ck_assert_str_eq(opt_env_get(e, "DATA_DIR"), "/data");
	ck_assert_ptr_null(opt_env_get(e, "CONFIG"));
	ck_assert_str_eq(warned, "");
	ck_assert_str_eq(opt_source_text(&set, opt_find(&set, "memory")),
			 "TTRUNKSDB_MEMORY");
	opt_env_free(e);
}
END_TEST

START_TEST(unknown_variable_only_warns)
{
	struct opt_env *e;

	setenv("TTRUNKSDB_MEMRY", "2G", 1);
	ck_ok(opt_env_new(NULL, &e));
	ck_ok(opt_read_env(&set, e));
	ck_assert_ptr_nonnull(strstr(warned, "TTRUNKSDB_MEMRY"));
	ck_assert_ptr_nonnull(strstr(warned, "memory"));
	opt_env_free(e);
}
END_TEST

START_TEST(missing_dotenv_is_fine_and_a_bad_one_is_not)
{
	struct opt_env *e;

	ck_ok(opt_env_new(tmpdir_path(dir, "none"), &e));
	opt_env_free(e);
	ck_err(opt_env_new(write_file(".env", "nonsense\n"), &e), TT_EOPTION);
	assert_says(".env:1");
}
END_TEST

static int take_other(void *arg, const char *name, const char *value)
{
	if (strcmp(name, "fsname") != 0)
		return TT_NOTFOUND;
	snprintf(arg, 32, "%s", value ? value : "(none)");
	return 0;
}

START_TEST(lists_have_escapes_and_foreign_names)
{
	char other[32] = "";

	ck_ok(opt_read_list(&set,
			    "memory=1G,,fsname=a\\,b,listen=x\\\\y,"
			    "read_only",
			    take_other, other));
	ck_assert_uint_eq(v.memory, 1 << 30);
	ck_assert_str_eq(other, "a,b");
	ck_assert_str_eq(v.listen, "x\\y");
	ck_assert(v.read_only);
	ck_err(opt_read_list(&set, "memry=1G", take_other, other), TT_EOPTION);
	assert_says("did you mean \"memory\"?");
}
END_TEST

static const struct opt_flag flags[] = {
	{ 'f', "foreground", NULL, "Stay in the foreground.", &foreground,
	  NULL },
	{ 'h', "help", NULL, "Show this.", &help, NULL },
	{ 0, "config", "FILE", "Read settings from FILE.", NULL, &config },
};
static const struct opt_args args = {
	.flags = flags,
	.n_flags = ARRAY_LEN(flags),
	.takes_lists = true,
};

#define READ_ARGS(n_pos, ...)                                                 \
	({                                                                    \
		static char *argv_[] = { (char *)"prog", __VA_ARGS__, NULL }; \
		memcpy(argv, argv_, sizeof(argv_));                           \
		opt_read_args(&set, &args, (int)ARRAY_LEN(argv_) - 1, argv,   \
			      n_pos);                                         \
	})

static char *argv[16];

START_TEST(command_line_in_every_form)
{
	int n;

	ck_ok(READ_ARGS(&n, (char *)"STORE", (char *)"--memory=1G",
			(char *)"--sync-interval", (char *)"2s", (char *)"-f",
			(char *)"--read_only", (char *)"MOUNT", (char *)"-o",
			(char *)"workers=9", (char *)"--config=x", (char *)"--",
			(char *)"-z"));
	ck_assert_int_eq(n, 3);
	ck_assert_str_eq(argv[1], "STORE");
	ck_assert_str_eq(argv[2], "MOUNT");
	ck_assert_str_eq(argv[3], "-z");
	ck_assert_uint_eq(v.memory, 1 << 30);
	ck_assert_int_eq(v.sync_interval, 2000);
	ck_assert_int_eq(v.workers, 9);
	ck_assert(v.read_only && foreground && !help);
	ck_assert_str_eq(config, "x");
	ck_ok(READ_ARGS(&n, (char *)"--no-read-only", (char *)"-hf",
			(char *)"-oworkers=3"));
	ck_assert(!v.read_only && help);
	ck_assert_int_eq(v.workers, 3);
}
END_TEST

START_TEST(command_line_errors_are_clear)
{
	int n;

	ck_err(READ_ARGS(&n, (char *)"--memroy=1G"), TT_EOPTION);
	assert_says("did you mean \"--memory\"?");
	ck_err(READ_ARGS(&n, (char *)"--foregruond"), TT_EOPTION);
	assert_says("\"--foreground\"");
	ck_err(READ_ARGS(&n, (char *)"--memory"), TT_EOPTION);
	assert_says("needs a value");
	ck_err(READ_ARGS(&n, (char *)"-x"), TT_EOPTION);
	assert_says("\"-x\"");
	ck_err(READ_ARGS(&n, (char *)"--help=yes"), TT_EOPTION);
	assert_says("takes no value");
	ck_err(READ_ARGS(&n, (char *)"-o"), TT_EOPTION);
}
END_TEST

START_TEST(help_fits_80_columns_and_names_everything)
{
	const char *p;

	ck_ok(opt_print_help(&set, &args, &out));
	p = buf_cstr(&out);
	ck_assert_ptr_nonnull(strstr(p, "-f, --foreground"));
	ck_assert_ptr_nonnull(strstr(p, "--memory=SIZE"));
	ck_assert_ptr_nonnull(strstr(p, "a size from 16M to"));
	while (*p) {
		size_t n = strcspn(p, "\n");

		ck_assert_uint_lt(n, 80);
		p += n + 1;
	}
}
END_TEST

START_TEST(examples_are_comments_that_parse_when_uncommented)
{
	struct opt_env *e;
	char *p;

	ck_ok(opt_print_conf(&set, &out));
	ck_ok(opt_read_file(&set, write_file("c", buf_cstr(&out))));
	ck_assert_str_eq(opt_source_text(&set, opt_find(&set, "memory")),
			 "default");
	for (p = (char *)buf_cstr(&out); *p; p += strcspn(p, "\n") + 1)
		if (*p == '#' && p[1] != ' ')
			*p = ' ';
	ck_ok(opt_read_file(&set, write_file("c", (char *)out.data)));
	ck_assert_str_ne(opt_source_text(&set, opt_find(&set, "memory")),
			 "default");
	buf_clear(&out);
	ck_ok(opt_print_dotenv(&set, &out));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "\n#TTRUNKSDB_SYNC_INTERVAL=1000ms\n"));
	ck_ok(opt_env_new(write_file(".env", buf_cstr(&out)), &e));
	opt_env_free(e);
}
END_TEST

START_TEST(manual_text_escapes_hyphens)
{
	ck_ok(opt_print_man(&set, &out));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), ".TP\n\\fB\\-\\-memory=\\fISIZE\\fR\n"));
}
END_TEST

START_TEST(effective_values_show_their_source)
{
	ck_ok(opt_assign(&set, "memory", "1G", OPT_SOURCE_ARGS, NULL));
	ck_ok(opt_print_effective(&set, &out));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "memory = 1G  (command line)\n"));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "compression = lz4  (default)\n"));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "sync_interval = 1s  (default)\n"));
}
END_TEST

static Suite *opt_suite(void)
{
	Suite *s = suite_create("opt");
	TCase *t = tcase_create("opt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, defaults_fill_every_field);
	tcase_add_test(t, sizes_parse);
	tcase_add_test(t, durations_numbers_and_booleans_parse);
	tcase_add_test(t, formatted_values_parse_back);
	tcase_add_test(t, bad_value_names_source_option_value_and_range);
	tcase_add_test(t, unknown_name_suggests_the_nearest);
	tcase_add_test(t, stronger_source_wins_in_any_order);
	tcase_add_test(t, configuration_file_is_read);
	tcase_add_test(t, configuration_errors_name_file_and_line);
	tcase_add_test(t, names_of_other_programs_are_skipped_in_files);
	tcase_add_test(t, real_environment_beats_dotenv);
	tcase_add_test(t, unknown_variable_only_warns);
	tcase_add_test(t, missing_dotenv_is_fine_and_a_bad_one_is_not);
	tcase_add_test(t, lists_have_escapes_and_foreign_names);
	tcase_add_test(t, command_line_in_every_form);
	tcase_add_test(t, command_line_errors_are_clear);
	tcase_add_test(t, help_fits_80_columns_and_names_everything);
	tcase_add_test(t, examples_are_comments_that_parse_when_uncommented);
	tcase_add_test(t, manual_text_escapes_hyphens);
	tcase_add_test(t, effective_values_show_their_source);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(opt_suite)
