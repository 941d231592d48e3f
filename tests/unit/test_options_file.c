/* SPDX-License-Identifier: MIT */
/* What a store remembers of its settings, and when it does not. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "lsm/db.h"
#include "lsm/file_name.h"
#include "lsm/options_format.h"
#include "support/check_main.h"
#include "support/fault_env.h"
#include "support/prng.h"
#include "support/tmpdir.h"

static char *dir;
static struct fault_env *fault;
static struct tt_options *opts;

static void setup(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, test_seed(), &fault));
	opts = NULL;
}

static void teardown(void)
{
	tt_options_free(opts);
	fault_env_free(fault);
	tmpdir_free(dir);
}

static const char *store(void)
{
	return tmpdir_path(dir, "store");
}

static const char *file(void)
{
	return tmpdir_path(dir, "store/" FILE_OPTIONS);
}

/* Options with nothing set. */
static void fresh(void)
{
	tt_options_free(opts);
	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	options_set_env(opts, fault_env_env(fault));
}

static void set(const char *name, const char *value)
{
	ck_ok(tt_options_set(opts, name, value));
}

static struct tt *opened(void)
{
	struct tt *db;

	ck_ok(tt_open(store(), opts, &db));
	return db;
}

static void open_and_close(void)
{
	ck_ok(tt_close(opened()));
}

struct search {
	const char *name;
	char value[64];
	bool is_set;
};

static int match(void *arg, const char *name, const char *value, bool is_set)
{
	struct search *s = arg;

	if (strcmp(name, s->name) != 0)
		return 0;
	(void)snprintf(s->value, sizeof(s->value), "%s", value);
	s->is_set = is_set;
	return 1;
}

static void expect(const struct tt_options *o, const char *name,
		   const char *value, bool is_set)
{
	struct search s = { .name = name };

	ck_assert_int_eq(tt_options_each(o, match, &s), 1);
	ck_assert_msg(!strcmp(s.value, value) && s.is_set == is_set,
		      "%s is %s, set %d", name, s.value, s.is_set);
}

static void read_text(struct buf *out)
{
	buf_clear(out);
	ck_ok(env_read_file(env_posix(), file(), 1 << 20, out));
	ck_assert_ptr_nonnull(buf_cstr(out));
}

/* Writes the file with a right checksum, as a newer version might. */
static void write_text(const char *text)
{
	struct buf b = BUF_INIT;

	ck_ok(buf_append_str(&b, text));
	ck_ok(buf_printf(&b, OPTIONS_TRAILER "%016" PRIx64 "\n",
			 checksum(b.data, b.len)));
	ck_ok(env_replace_file(env_posix(), file(), buf_slice(&b)));
	buf_fini(&b);
}

static uint64_t stat_of(struct tt *db, const char *name)
{
	uint64_t v;

	ck_ok(tt_stat(db, name, &v));
	return v;
}

START_TEST(what_was_set_counts_until_it_is_set_differently)
{
	struct tt *db;

	fresh();
	set("compression", "zstd");
	set("retention", "90m");
	open_and_close();
	fresh();
	db = opened();
	expect(tt_options_of(db), "compression", "zstd", true);
	expect(tt_options_of(db), "retention", "90m", true);
	expect(tt_options_of(db), "bloom_bits", "10", false);
	ck_assert_int_eq(db->cfg.codec, CODEC_ZSTD);
	ck_assert_int_eq(db->cfg.retention_us, 5400000000);
	ck_assert_int_eq(db->snaps.retention_us, 5400000000);
	ck_ok(tt_close(db));
	fresh();
	set("retention", "0");
	set("l0_trigger", "7");
	open_and_close();
	fresh();
	db = opened();
	expect(tt_options_of(db), "compression", "zstd", true);
	ck_assert_int_eq(db->cfg.retention_us, 0);
	ck_assert_uint_eq(db->picker.l0_trigger, 7);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(what_is_of_the_machine_is_taken_up_on_request)
{
	struct tt *db;

	fresh();
	set("memory", "5M");
	set("max_open_tables", "99");
	set("bloom_bits", "14");
	set("create_if_missing", "true");
	open_and_close();
	fresh();
	db = opened();
	expect(tt_options_of(db), "memory", "256M", false);
	expect(tt_options_of(db), "max_open_tables", "512", false);
	expect(tt_options_of(db), "bloom_bits", "14", true);
	ck_ok(tt_close(db));
	fresh();
	set("max_open_tables", "50");
	ck_ok(tt_options_load(store(), opts));
	expect(opts, "memory", "5M", true);
	expect(opts, "max_open_tables", "50", true);
	expect(opts, "bloom_bits", "14", true);
	expect(opts, "create_if_missing", "yes", false);
	db = opened();
	expect(tt_options_of(db), "memory", "5M", true);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(a_store_without_settings_has_no_file)
{
	fresh();
	ck_err(tt_options_load(store(), opts), TT_NOTFOUND);
	open_and_close();
	ck_assert_int_eq(env_exists(env_posix(), file()), 0);
	ck_err(tt_options_load(store(), opts), TT_NOTFOUND);
}
END_TEST

START_TEST(the_file_is_written_only_when_it_changes)
{
	struct buf text = BUF_INIT;
	uint64_t calls;

	fresh();
	set("level_ratio", "8");
	open_and_close();
	read_text(&text);
	ck_assert_ptr_nonnull(strstr((char *)text.data, "level_ratio = 8\n"));
	calls = fault_env_calls(fault, FAULT_RENAME);
	open_and_close();
	fresh();
	open_and_close();
	ck_assert_uint_eq(fault_env_calls(fault, FAULT_RENAME), calls);
	buf_fini(&text);
}
END_TEST

START_TEST(what_a_newer_version_says_is_ignored_and_kept)
{
	struct buf text = BUF_INIT;
	struct tt *db;

	fresh();
	open_and_close();
	write_text("ttrunks-options 1\n"
		   "flux_capacity = 12 jigawatts\n"
		   "compression = middle-out\n"
		   "bloom_bits = 12\n");
	db = opened();
	expect(tt_options_of(db), "compression", "lz4", false);
	expect(tt_options_of(db), "bloom_bits", "12", true);
	ck_assert_uint_eq(stat_of(db, "engine.options_ignored"), 0);
	ck_ok(tt_close(db));
	set("level_ratio", "8");
	open_and_close();
	read_text(&text);
	ck_assert_ptr_nonnull(
		strstr((char *)text.data, "flux_capacity = 12 jigawatts\n"));
	ck_assert_ptr_nonnull(
		strstr((char *)text.data, "compression = middle-out\n"));
	ck_assert_ptr_nonnull(strstr((char *)text.data, "level_ratio = 8\n"));
	/* Until it is set here. */
	set("compression", "snappy");
	open_and_close();
	read_text(&text);
	ck_assert_ptr_null(strstr((char *)text.data, "middle-out"));
	ck_assert_ptr_nonnull(
		strstr((char *)text.data, "compression = snappy\n"));
	ck_assert_ptr_nonnull(strstr((char *)text.data, "flux_capacity"));
	buf_fini(&text);
}
END_TEST

START_TEST(a_newer_form_is_left_alone)
{
	struct buf before = BUF_INIT, after = BUF_INIT;
	struct tt *db;

	fresh();
	open_and_close();
	write_text("ttrunks-options 2\nretention: one hour\n");
	read_text(&before);
	set("level_ratio", "8");
	ck_err(tt_options_load(store(), opts), TT_EVERSION);
	db = opened();
	ck_assert_uint_eq(stat_of(db, "engine.options_ignored"), 1);
	/* It may ask for history. */
	ck_assert_int_gt(db->cfg.retention_us, INT64_C(86400000000));
	ck_ok(tt_close(db));
	read_text(&after);
	ck_assert(slice_eq(buf_slice(&before), buf_slice(&after)));
	buf_fini(&before);
	buf_fini(&after);
}
END_TEST

/* Every byte flipped, every length: always told, never believed, and the
 * store opens. */
START_TEST(a_damaged_file_is_told_and_not_believed)
{
	struct buf text = BUF_INIT, bad = BUF_INIT;

	fresh();
	set("retention", "2h");
	set("compression", "zstd");
	open_and_close();
	read_text(&text);
	for (size_t i = 0; i < 2 * text.len; i++) {
		ck_ok(buf_set(&bad, buf_slice(&text)));
		if (i < text.len)
			bad.data[i] ^= 1u << (i % 7);
		else
			buf_truncate(&bad, i - text.len);
		ck_ok(env_replace_file(env_posix(), file(), buf_slice(&bad)));
		fresh();
		ck_err(tt_options_load(store(), opts), TT_ECORRUPT);
		expect(opts, "compression", "lz4", false);
	}
	buf_fini(&text);
	buf_fini(&bad);
}
END_TEST

START_TEST(history_is_kept_while_nobody_knows_for_how_long)
{
	struct tt *db;
	int64_t ts;
	char c;

	fresh();
	set("retention", "2h");
	open_and_close();
	ck_ok(env_replace_file(env_posix(), file(), SLICE_LIT("rubbish")));
	fresh();
	for (int i = 0; i < 2; i++) {
		struct tt_read_options ro = { 0 };

		db = opened();
		ck_assert_uint_eq(stat_of(db, "engine.options_ignored"), 1);
		ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("1"), &ts));
		ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("2"), NULL));
		fault_env_advance_us(fault, INT64_C(10) * 3600 * 1000000);
		ck_ok(tt_put(db, NULL, tt_str("k"), tt_str("3"), NULL));
		ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		ro.as_of = ts;
		ck_ok(tt_get(db, &ro, tt_str("k"), &c, 1, NULL, NULL));
		ck_assert_int_eq(c, '1');
		ck_ok(tt_close(db));
	}
	/* Whoever says what they want gets it, and a good file. */
	set("retention", "0");
	open_and_close();
	fresh();
	db = opened();
	ck_assert_uint_eq(stat_of(db, "engine.options_ignored"), 0);
	ck_assert_int_eq(db->cfg.retention_us, 0);
	ck_ok(tt_close(db));
}
END_TEST

START_TEST(no_failure_of_the_file_keeps_the_store_from_opening)
{
	fresh();
	set("retention", "2h");
	open_and_close();
	/* It cannot be read. */
	ck_assert_int_eq(unlink(file()), 0);
	ck_assert_int_eq(symlink(FILE_OPTIONS, file()), 0);
	open_and_close();
	ck_assert_int_eq(unlink(file()), 0);
	/* It cannot be written. */
	fault_env_fail(fault, FAULT_RENAME, 1, ENOSPC, FAULT_FROM_THEN_ON);
	set("bloom_bits", "9");
	open_and_close();
	fault_env_clear(fault);
	ck_assert_int_eq(env_exists(env_posix(), file()), 0);
	open_and_close();
	ck_assert_int_eq(env_exists(env_posix(), file()), 1);
	fresh();
	ck_ok(tt_options_load(store(), opts));
	expect(opts, "bloom_bits", "9", true);
}
END_TEST

/* Whatever call fails while the settings change, the file says the old ones or
 * the new ones. */
START_TEST(a_change_is_made_or_not)
{
	for (uint64_t n = 1; n < 40; n++) {
		struct search s = { .name = "level_ratio" };
		struct tt *db = NULL;

		fault_env_clear(fault);
		fresh();
		set("level_ratio", "8");
		open_and_close();
		set("level_ratio", "9");
		fault_env_fail(fault, FAULT_MUTATING, n, EIO,
			       FAULT_FROM_THEN_ON);
		fault_env_tear_writes(fault, true);
		(void)tt_open(store(), opts, &db);
		ck_ok(fault_env_cut(fault, CUT_RANDOM));
		(void)tt_close(db); /* the power is off */
		ck_ok(fault_env_power_on(fault));
		fresh();
		db = opened();
		ck_assert_uint_eq(stat_of(db, "engine.options_ignored"), 0);
		ck_assert_int_eq(tt_options_each(tt_options_of(db), match, &s),
				 1);
		ck_assert(s.is_set &&
			  (!strcmp(s.value, "8") || !strcmp(s.value, "9")));
		ck_ok(tt_close(db));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("options_file");
	TCase *t = tcase_create("options_file");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_set_counts_until_it_is_set_differently);
	tcase_add_test(t, what_is_of_the_machine_is_taken_up_on_request);
	tcase_add_test(t, a_store_without_settings_has_no_file);
	tcase_add_test(t, the_file_is_written_only_when_it_changes);
	tcase_add_test(t, what_a_newer_version_says_is_ignored_and_kept);
	tcase_add_test(t, a_newer_form_is_left_alone);
	tcase_add_test(t, a_damaged_file_is_told_and_not_believed);
	tcase_add_test(t, history_is_kept_while_nobody_knows_for_how_long);
	tcase_add_test(t, no_failure_of_the_file_keeps_the_store_from_opening);
	tcase_add_test(t, a_change_is_made_or_not);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
