/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints and backups as an embedding program uses them: nothing but
 * ttrunks.h, linked to the shared library.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ttrunks.h"

static char dir[64];
static struct tt *db;

#define ok(call)                                           \
	do {                                               \
		int ok_r_ = (call);                        \
		ck_assert_msg(ok_r_ == 0, "%s: %s", #call, \
			      tt_error_text(ok_r_));       \
	} while (0)

/* "DIR/NAME", in one of four buffers used in turn. */
static const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void remove_dir(const char *path)
{
	char cmd[160];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", path);
	ck_assert_int_eq(system(cmd), 0);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/ttrunks-api-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ok(tt_open(in_dir("store"), NULL, &db));
}

static void teardown(void)
{
	ok(tt_close(db));
	remove_dir(dir);
}

static void put(const char *key, const char *value)
{
	ok(tt_put(db, NULL, tt_str(key), tt_str(value), NULL));
}

/* Whether the store in a directory has this value; "" for none. */
static void expect(const char *path, const char *key, const char *value)
{
	char got[64] = "";
	struct tt *copy;
	size_t n = 0;
	int r;

	ok(tt_open(path, NULL, &copy));
	r = tt_get(copy, NULL, tt_str(key), got, sizeof(got), &n, NULL);
	ck_assert_int_eq(r, *value ? 0 : TT_NOTFOUND);
	ck_assert(n == strlen(value) && memcmp(got, value, n) == 0);
	ok(tt_close(copy));
}

START_TEST(a_checkpoint_is_a_store_by_itself)
{
	put("a", "1");
	ok(tt_flush(db));
	put("b", "2");
	ok(tt_checkpoint(db, in_dir("copy"), NULL));
	put("a", "3");
	expect(in_dir("copy"), "a", "1");
	expect(in_dir("copy"), "b", "2");
	ck_assert_int_eq(tt_checkpoint(db, in_dir("copy"), NULL), -ENOTEMPTY);
}
END_TEST

/* Another file system, and one that knows no O_DIRECT. */
START_TEST(a_checkpoint_may_go_to_another_file_system)
{
	char shm[] = "/dev/shm/ttrunks-api-XXXXXX";
	char path[64];
	struct stat here, there;

	if (!mkdtemp(shm))
		return;
	ck_assert_int_eq(stat(dir, &here), 0);
	ck_assert_int_eq(stat(shm, &there), 0);
	if (here.st_dev == there.st_dev)
		printf("# /dev/shm is no file system of its own\n");
	put("a", "1");
	ok(tt_flush(db));
	put("b", "2");
	(void)snprintf(path, sizeof(path), "%s/copy", shm);
	ok(tt_checkpoint(db, path, NULL));
	expect(path, "a", "1");
	expect(path, "b", "2");
	(void)snprintf(path, sizeof(path), "%s/backups", shm);
	ok(tt_backup(db, path, NULL, NULL));
	ok(tt_backup_verify(path, 0, NULL, NULL, NULL));
	remove_dir(shm);
}
END_TEST

static int count_up(void *arg, const struct tt_progress *p)
{
	ck_assert(p->files_done <= p->files_total);
	++*(unsigned *)arg;
	return 0;
}

static int note_id(void *arg, const struct tt_backup_info *info)
{
	uint64_t *sum = arg;

	ck_assert(info->damage == NULL && info->bytes && info->files);
	*sum = *sum * 10 + info->id;
	return 0;
}

START_TEST(backups_are_made_listed_restored_and_deleted)
{
	unsigned n = 0;
	struct tt_copy_options co = { .flush = true,
				      .progress = count_up,
				      .arg = &n };
	char backups[80];
	uint64_t id, ids = 0;

	(void)snprintf(backups, sizeof(backups), "%s/backups", dir);
	put("a", "1");
	ok(tt_backup(db, backups, NULL, &id));
	ck_assert_uint_eq(id, 1);
	put("a", "2");
	ok(tt_backup(db, backups, &co, &id));
	ck_assert_uint_eq(id, 2);
	put("a", "3");
	ok(tt_backup(db, backups, NULL, NULL));
	ok(tt_backup_list(backups, note_id, &ids));
	ck_assert_uint_eq(ids, 123);
	for (id = 0; id <= 3; id++)
		ok(tt_backup_verify(backups, id, NULL, NULL, &co));
	ck_assert_uint_gt(n, 5);
	ok(tt_backup_restore(backups, 2, in_dir("two"), NULL));
	expect(in_dir("two"), "a", "2");
	ok(tt_backup_restore(backups, 0, in_dir("newest"), NULL));
	expect(in_dir("newest"), "a", "3");
	ok(tt_backup_delete(backups, 2));
	ok(tt_backup_prune(backups, 1));
	ids = 0;
	ok(tt_backup_list(backups, note_id, &ids));
	ck_assert_uint_eq(ids, 3);
	ck_assert_int_eq(tt_backup_delete(backups, 1), TT_NOTFOUND);
	ck_assert_int_eq(tt_backup_list(dir, note_id, &ids), TT_ENOSTORE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("copies");
	TCase *t = tcase_create("copies");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_checkpoint_is_a_store_by_itself);
	tcase_add_test(t, a_checkpoint_may_go_to_another_file_system);
	tcase_add_test(t, backups_are_made_listed_restored_and_deleted);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
