/* SPDX-License-Identifier: MIT */
/* Backups: what they hold, what they share, and what damage does to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsm/backup.h"
#include "lsm/file_name.h"
#include "lsm/newdir.h"
#include "lsm/value_reader.h"
#include "support/check_main.h"
#include "support/copy_fixture.h"
#include "support/ladder.h"
#include "support/tmpdir.h"

/* Restores it and looks at all of it. */
static void check_backup(uint64_t id, uint64_t at)
{
	static unsigned n_restored;
	char name[32];

	(void)snprintf(name, sizeof(name), "restored%u", n_restored++);
	ck_ok(verify(id));
	ck_ok(restore(id, name));
	ck_assert_uint_eq(check_store(name), at);
}

/* ---- what they hold --------------------------------------------------- */

START_TEST(a_backup_restores_to_what_was_written_before_it)
{
	uint64_t id;

	climb(700);
	ck_ok(backup(&id));
	ck_assert_uint_eq(id, 1);
	climb(100);
	ck_ok(restore(0, "restored"));
	ck_assert_uint_eq(check_store("restored"), 700);
	ck_assert_uint_eq(ladder_check(db, 0), 800);
	ck_assert(!is_there("restored" UNFINISHED_SUFFIX));
}
END_TEST

START_TEST(an_empty_store_can_be_backed_up)
{
	ck_ok(backup(NULL));
	ck_ok(verify(1));
	ck_ok(restore(1, "restored"));
	ck_assert_uint_eq(check_store("restored"), 0);
}
END_TEST

START_TEST(each_backup_is_of_its_own_moment)
{
	uint64_t ids[6];

	for (unsigned i = 0; i < 6; i++) {
		climb(300);
		if (i == 3)
			ck_ok(tt_compact(db, tt_str(""), tt_str("")));
		ck_ok(backup(&ids[i]));
	}
	ck_assert_uint_eq(list_backups().n, 6);
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_eq(ids[i], i + 1);
		check_backup(ids[i], (i + 1) * 300);
	}
}
END_TEST

START_TEST(a_second_backup_copies_only_what_is_new)
{
	struct tt_copy_options co = { .flush = true };
	const char *path = tmpdir_path(dir, "backups");
	uint64_t writes;
	unsigned n;

	climb(2000);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(tt_backup(db, path, &co, NULL));
	n = count_names("backups/sst");
	writes = fault_env_calls(fault, FAULT_WRITE);
	ck_ok(tt_backup(db, path, &co, NULL));
	ck_assert_uint_eq(count_names("backups/sst"), n);
	writes = fault_env_calls(fault, FAULT_WRITE) - writes;
	ck_assert_uint_lt(writes, 8); /* manifest, CURRENT's like, list */
	climb(20);
	ck_ok(tt_backup(db, path, &co, NULL));
	ck_assert_uint_eq(count_names("backups/sst"), n + 1);
	check_backup(2, 2000);
	check_backup(3, 2020);
}
END_TEST

static uint64_t value_bytes;

static int add_bytes(void *arg, const char *name, enum env_file_type type)
{
	struct buf path = BUF_INIT;
	struct env_stat st;

	(void)type;
	ck_ok(path_join(&path, arg, name));
	ck_ok(env_stat(env, path_of(&path), &st));
	value_bytes += st.size;
	buf_fini(&path);
	return 0;
}

/* What the value files of all backups take. */
static uint64_t backed_up_values(void)
{
	char *path = strdup(tmpdir_path(dir, "backups/val"));

	value_bytes = 0;
	ck_ok(env_list(env, path, add_bytes, path));
	free(path);
	return value_bytes;
}

START_TEST(a_value_file_that_is_added_to_is_copied_once)
{
	uint64_t was;

	ck_ok(tt_close(db));
	ck_ok(tt_options_set(opts, "value_file_bytes", "4M"));
	open_store();
	climb(3000);
	for (unsigned i = 1; i <= 5; i++) {
		ck_ok(backup(NULL));
		if (i == 1)
			was = backed_up_values();
		climb(50);
	}
	ck_assert_uint_gt(was, (4u << 20) / 8);
	ck_assert_uint_lt(backed_up_values(), was + was / 2);
	check_backup(1, 3000);
	check_backup(5, 3200);
}
END_TEST

/* Makes tables of one row each, all of the same size. */
static void make_tables(struct tt *store, char c)
{
	char value[100];

	memset(value, c, sizeof(value));
	for (int i = 0; i < 3; i++) {
		ck_ok(tt_put(store, NULL, tt_str("same"),
			     (struct tt_slice){ value, sizeof(value) }, NULL));
		ck_ok(tt_flush(store));
	}
}

static void check_restored(uint64_t id, const char *name, char c)
{
	char value[100] = "";
	struct tt *copy;

	ck_ok(restore(id, name));
	ck_ok(tt_open(tmpdir_path(dir, name), opts, &copy));
	ck_ok(tt_get(copy, NULL, tt_str("same"), value, sizeof(value), NULL,
		     NULL));
	ck_assert(value[0] == c && value[99] == c);
	ck_assert_uint_eq(ladder_check(copy, 0), 100);
	ck_ok(tt_close(copy));
}

/* They give the same numbers to different tables, even of the same size. */
START_TEST(stores_that_were_one_share_a_directory)
{
	struct tt *was;

	ck_ok(tt_options_set(opts, "l0_trigger", "16"));
	ck_ok(tt_close(db));
	open_store();
	climb(100);
	ck_ok(tt_flush(db));
	ck_ok(backup(NULL));
	ck_ok(restore(1, "other"));
	make_tables(db, 'a');
	ck_ok(backup(NULL));
	was = db;
	ck_ok(tt_open(tmpdir_path(dir, "other"), opts, &db));
	make_tables(db, 'b');
	ck_ok(backup(NULL));
	ck_ok(tt_close(db));
	db = was;
	check_restored(2, "a", 'a');
	check_restored(3, "b", 'b');
}
END_TEST

#define N_COPIES 5

START_TEST(a_backup_under_load_is_a_prefix)
{
	struct heights least[N_COPIES], most[N_COPIES];

	load_start();
	for (unsigned c = 0; c < N_COPIES; c++) {
		least[c] = load_wait(1000);
		ck_ok(backup(NULL));
		most[c] = load_now();
	}
	load_stop();
	for (unsigned c = 0; c < N_COPIES; c++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "restored%u", c);
		ck_ok(tt_backup_restore(tmpdir_path(dir, "backups"), c + 1,
					tmpdir_path(dir, name), NULL));
		check_heights(name, &least[c], &most[c]);
	}
}
END_TEST

/* ---- deleting --------------------------------------------------------- */

START_TEST(deleting_one_keeps_what_others_need)
{
	for (unsigned i = 0; i < 5; i++) {
		climb(300);
		ck_ok(backup(NULL));
	}
	ck_ok(delete_backup(3));
	ck_ok(delete_backup(1));
	ck_err(delete_backup(3), TT_NOTFOUND);
	ck_assert_uint_eq(list_backups().n, 3);
	check_backup(2, 600);
	check_backup(4, 1200);
	check_backup(5, 1500);
	ck_err(verify(3), TT_NOTFOUND);
	ck_err(restore(3, "no"), TT_NOTFOUND);
	for (uint64_t id = 2; id <= 5; id++)
		(void)delete_backup(id);
	ck_assert_uint_eq(list_backups().n, 0);
	ck_assert_uint_eq(count_names("backups/sst"), 0);
	ck_assert_uint_eq(count_names("backups/val"), 0);
	/* BACKUPS, LOCK, sst, val */
	ck_assert_uint_eq(count_names("backups"), 4);
	ck_err(verify(0), TT_NOTFOUND);
}
END_TEST

START_TEST(pruning_keeps_the_newest)
{
	for (unsigned i = 0; i < 5; i++) {
		climb(300);
		ck_ok(backup(NULL));
	}
	ck_err(prune(0), -EINVAL);
	ck_ok(prune(9));
	ck_assert_uint_eq(list_backups().n, 5);
	ck_ok(prune(2));
	ck_assert_uint_eq(list_backups().n, 2);
	check_backup(4, 1200);
	check_backup(5, 1500);
	/* Of those two there is nothing more than they need. */
	ck_ok(prune(1));
	check_backup(5, 1500);
}
END_TEST

/* ---- damage ----------------------------------------------------------- */

struct naming {
	const char *name;
	unsigned n;
};

static void expect_name(void *arg, const char *text)
{
	struct naming *nm = arg;

	ck_assert_msg(strstr(text, nm->name) != NULL, "%s does not name %s",
		      text, nm->name);
	nm->n++;
}

static int damage_each(void *arg, const char *name, enum env_file_type type)
{
	const char *sub = arg;
	struct naming nm = { .name = name };
	const char *backups = tmpdir_path(dir, "backups");
	char path[600];
	struct stat st;
	uint64_t at;
	int r;

	(void)type;
	(void)snprintf(path, sizeof(path), "%s/%s", tmpdir_path(dir, sub),
		       name);
	ck_assert_int_eq(stat(path, &st), 0);
	at = rng_below(&rng, (uint64_t)st.st_size);
	flip_byte(path, at);
	ck_err(backup_verify(env, backups, 0, expect_name, &nm, NULL),
	       TT_ECORRUPT);
	ck_assert_uint_eq(nm.n, 1);
	r = restore(0, "restored");
	ck_assert_int_eq(r, TT_ECORRUPT);
	ck_assert_msg(strstr(tt_error_text(r), name) != NULL, "%s",
		      tt_error_text(r));
	ck_assert(!is_there("restored") &&
		  !is_there("restored" UNFINISHED_SUFFIX));
	flip_byte(path, at);
	ck_assert_int_eq(truncate(path, st.st_size + 1), 0);
	ck_err(verify(0), TT_ECORRUPT);
	ck_assert_int_eq(truncate(path, st.st_size), 0);
	ck_ok(verify(0));
	return 0;
}

START_TEST(one_damaged_byte_is_found_and_named)
{
	climb(500);
	ck_ok(backup(NULL));
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "backups/000001"),
		       damage_each, (void *)(uintptr_t) "backups/000001"));
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "backups/sst"),
		       damage_each, (void *)(uintptr_t) "backups/sst"));
	ck_assert_uint_gt(count_names("backups/val"), 0);
	ck_ok(env_list(env_posix(), tmpdir_path(dir, "backups/val"),
		       damage_each, (void *)(uintptr_t) "backups/val"));
}
END_TEST

START_TEST(a_missing_table_is_named_and_copied_again)
{
	struct naming nm = { .n = 0 };
	char path[600];

	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_ok(backup(NULL));
	nm.name = some_name("backups/sst");
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "backups/sst"), nm.name);
	ck_ok(env_unlink(env, path));
	ck_err(backup_verify(env, tmpdir_path(dir, "backups"), 1, expect_name,
			     &nm, NULL),
	       TT_ECORRUPT);
	ck_assert_uint_eq(nm.n, 1);
	ck_ok(backup(NULL));
	ck_ok(verify(1));
	ck_ok(verify(2));
}
END_TEST

START_TEST(a_damaged_list_takes_no_other_backup_along)
{
	climb(300);
	ck_ok(backup(NULL));
	climb(300);
	ck_ok(backup(NULL));
	flip_byte(tmpdir_path(dir, "backups/000001/LIST"), 30);
	ck_assert_uint_eq(list_backups().n, 1);
	ck_assert_uint_eq(list_backups().n_damaged, 1);
	ck_err(verify(1), TT_ECORRUPT);
	ck_err(delete_backup(2), TT_ECORRUPT);
	ck_assert_uint_eq(list_backups().n, 1);
	climb(300);
	ck_ok(backup(NULL));
	ck_ok(delete_backup(1));
	ck_assert_uint_eq(list_backups().n_damaged, 0);
	check_backup(2, 600);
	check_backup(3, 900);
}
END_TEST

/* Where in DIR/store the value of `key` lies, one that is not compressed. */
static uint64_t find_value(const char *key, size_t len, char *path)
{
	struct value_found rec;
	struct value_scan s;
	uint64_t at = 0;
	int r;

	(void)snprintf(path, 600, "%s/%s", tmpdir_path(dir, "store/val"),
		       some_name("store/val"));
	ck_ok(value_scan_open(&s, env_posix(), path));
	while ((r = value_scan_next(&s, &rec)) == 0)
		if (rec.is_sound && slice_eq(rec.key, tt_str(key)) &&
		    rec.ptr.stored_len == len)
			at = value_offset(&rec.ptr);
	ck_assert_int_eq(r, TT_END);
	value_scan_fini(&s);
	ck_assert_uint_ne(at, 0);
	return at;
}

static void put_long(const char *key, size_t len)
{
	char value[2000];

	memset(value, 'v', sizeof(value));
	ck_ok(tt_put(db, NULL, tt_str(key), (struct tt_slice){ value, len },
		     NULL));
}

/* In a sound value file there may be places that are no records. */
START_TEST(damage_counts_where_something_points_to_it)
{
	char path[600];
	uint64_t at;
	int r;

	put_long("needed", 1500);
	put_long("not", 1501);
	put_long("not", 10);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	at = find_value("not", 1501, path);
	flip_byte(path, at + 77);
	ck_ok(backup(NULL));
	ck_ok(verify(1));
	put_long("more", 1000); /* else it is there already */
	at = find_value("needed", 1500, path);
	flip_byte(path, at + 77);
	r = backup(NULL);
	ck_assert_int_eq(r, TT_ECORRUPT);
	ck_assert_msg(strstr(tt_error_text(r), ".val") != NULL, "%s",
		      tt_error_text(r));
	ck_assert_uint_eq(list_backups().n, 1);
	flip_byte(path, at + 77);
	ck_ok(backup(NULL));
	ck_ok(restore(0, "restored"));
	(void)check_store("restored");
}
END_TEST

START_TEST(damage_in_the_store_is_not_backed_up)
{
	char path[600];
	const char *name;
	struct stat st;
	int r;

	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	name = some_name("store/sst");
	(void)snprintf(path, sizeof(path), "%s/%s",
		       tmpdir_path(dir, "store/sst"), name);
	ck_assert_int_eq(stat(path, &st), 0);
	flip_byte(path, (uint64_t)st.st_size - 10);
	r = backup(NULL);
	ck_assert_int_eq(r, TT_ECORRUPT);
	ck_assert_msg(strstr(tt_error_text(r), name) != NULL, "%s",
		      tt_error_text(r));
	ck_assert_uint_eq(list_backups().n, 0);
	flip_byte(path, (uint64_t)st.st_size - 10);
	ck_ok(backup(NULL));
	/* It is there already: what becomes of the original is all the same. */
	flip_byte(path, (uint64_t)st.st_size - 10);
	ck_ok(backup(NULL));
	flip_byte(path, (uint64_t)st.st_size - 10);
	ck_assert_uint_eq(list_backups().n, 2);
	ck_ok(verify(0));
}
END_TEST

/* ---- where they may be ------------------------------------------------ */

static int refuse(void *arg, const struct tt_backup_info *info)
{
	(void)arg;
	(void)info;
	return -EINVAL;
}

START_TEST(other_directories_are_left_alone)
{
	climb(10);
	ck_err(tt_backup(db, tmpdir_path(dir, "store"), NULL, NULL),
	       TT_EFOREIGN);
	ck_err(tt_backup(db, tmpdir_path(dir, "store/CURRENT"), NULL, NULL),
	       -ENOTDIR);
	ck_err(backup_prune(env, tmpdir_path(dir, "store"), 1), TT_ENOSTORE);
	ck_err(backup_delete(env, tmpdir_path(dir, "nothing"), 1), TT_ENOSTORE);
	ck_err(tt_backup_list(tmpdir_path(dir, "nothing"), refuse, NULL),
	       TT_ENOSTORE);
	ck_err(tt_backup_verify(tmpdir_path(dir, "store"), 0, NULL, NULL, NULL),
	       TT_ENOSTORE);
	ck_assert(!is_there("nothing"));
	ck_ok(backup(NULL));
	ck_err(restore(1, "store"), -ENOTEMPTY);
	ck_err(restore(1, "backups"), -ENOTEMPTY);
	ck_assert_uint_eq(ladder_check(db, 0), 10);
}
END_TEST

START_TEST(one_change_at_a_time)
{
	struct env_lock *lock;

	climb(10);
	ck_ok(backup(NULL));
	ck_ok(env_lock(env, tmpdir_path(dir, "backups/LOCK"), &lock));
	ck_err(backup(NULL), TT_ELOCKED);
	ck_err(delete_backup(1), TT_ELOCKED);
	ck_ok(verify(1));
	ck_ok(env_unlock(lock));
	ck_ok(backup(NULL));
}
END_TEST

/* ---- progress --------------------------------------------------------- */

START_TEST(progress_is_told_and_may_end_it)
{
	struct watcher w = { .n_most = 3 };
	struct tt_copy_options co = { .progress = watch, .arg = &w };
	const char *backups = tmpdir_path(dir, "backups");
	unsigned n;

	climb(500);
	ck_ok(tt_compact(db, tt_str(""), tt_str("")));
	ck_err(tt_backup(db, backups, &co, NULL), -ECANCELED);
	ck_assert_uint_eq(list_backups().n, 0);
	n = count_names("backups/sst") + count_names("backups/val");
	ck_assert_uint_gt(n, 0); /* for the next one */
	w = (struct watcher){ .n_most = 1000 };
	ck_ok(tt_backup(db, backups, &co, NULL));
	expect_finished(&w);
	ck_assert_uint_eq(count_names("backups"), 5);
	ck_ok(tt_backup(db, backups, &co, NULL));
	expect_finished(&w);
	ck_ok(backup_verify(env, backups, 0, NULL, NULL, &co));
	expect_finished(&w);
	ck_ok(backup_restore(env, backups, 0, tmpdir_path(dir, "restored"),
			     &co));
	expect_finished(&w);
	ck_assert_uint_eq(check_store("restored"), 500);
	w = (struct watcher){ .n_most = 1 };
	ck_err(backup_restore(env, backups, 0, tmpdir_path(dir, "again"), &co),
	       -ECANCELED);
	ck_assert(!is_there("again") && !is_there("again" UNFINISHED_SUFFIX));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("backup");
	TCase *t = tcase_create("backup");

	tcase_add_checked_fixture(t, copy_setup, copy_teardown);
	tcase_add_test(t, a_backup_restores_to_what_was_written_before_it);
	tcase_add_test(t, an_empty_store_can_be_backed_up);
	tcase_add_test(t, each_backup_is_of_its_own_moment);
	tcase_add_test(t, a_second_backup_copies_only_what_is_new);
	tcase_add_test(t, a_value_file_that_is_added_to_is_copied_once);
	tcase_add_test(t, stores_that_were_one_share_a_directory);
	tcase_add_test(t, a_backup_under_load_is_a_prefix);
	tcase_add_test(t, deleting_one_keeps_what_others_need);
	tcase_add_test(t, pruning_keeps_the_newest);
	tcase_add_test(t, one_damaged_byte_is_found_and_named);
	tcase_add_test(t, a_missing_table_is_named_and_copied_again);
	tcase_add_test(t, a_damaged_list_takes_no_other_backup_along);
	tcase_add_test(t, damage_counts_where_something_points_to_it);
	tcase_add_test(t, damage_in_the_store_is_not_backed_up);
	tcase_add_test(t, other_directories_are_left_alone);
	tcase_add_test(t, one_change_at_a_time);
	tcase_add_test(t, progress_is_told_and_may_end_it);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
