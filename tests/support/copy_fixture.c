/* SPDX-License-Identifier: MIT */
#include "tests/support/copy_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lsm/backup.h"
#include "lsm/options.h"
#include "tests/support/check_main.h"
#include "tests/support/ladder.h"
#include "tests/support/prng.h"
#include "tests/support/tmpdir.h"

char *dir;
struct tt_options *opts;
struct fault_env *fault;
struct env *env;
struct tt *db;
struct rng rng;
uint64_t steps;

static void set_options(void)
{
	static const char *const settings[][2] = {
		{ "memory", "4M" },
		{ "memtable_bytes", "64k" },
		{ "table_bytes", "64k" },
		{ "cache_bytes", "256k" },
		{ "wal_segment_bytes", "64k" },
		{ "l0_trigger", "2" },
		{ "sync_interval", "0" },
		{ "compression", "none" },
		{ "separate_bytes", "400" },
		{ "value_file_bytes", "32k" },
	};

	opts = tt_options_new();
	ck_assert_ptr_nonnull(opts);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_ok(tt_options_set(opts, settings[i][0], settings[i][1]));
}

void open_store(void)
{
	ck_ok(tt_open(tmpdir_path(dir, "store"), opts, &db));
}

static void begin(void)
{
	dir = tmpdir_new();
	ck_ok(fault_env_new(env_posix(), dir, rng_next(&rng), &fault));
	env = fault_env_env(fault);
	options_set_env(opts, env);
	steps = 0;
	open_store();
}

static void end(void)
{
	(void)tt_close(db);
	db = NULL;
	fault_env_free(fault);
	tmpdir_free(dir);
}

void copy_setup(void)
{
	test_rng(&rng);
	set_options();
	begin();
}

void copy_teardown(void)
{
	end();
	tt_options_free(opts);
}

void start_over(void)
{
	end();
	begin();
}

void climb(unsigned n)
{
	while (n--)
		ck_ok(ladder_step(db, 0, ++steps, false));
}

uint64_t stride(void)
{
	return test_scale(1) >= 3 ? 1 : rng_range(&rng, 1, 5);
}

/* ---- looking ---------------------------------------------------------- */

bool is_there(const char *name)
{
	return access(tmpdir_path(dir, name), F_OK) == 0;
}

static int count_name(void *arg, const char *name, enum env_file_type type)
{
	(void)name;
	(void)type;
	++*(unsigned *)arg;
	return 0;
}

unsigned count_names(const char *name)
{
	unsigned n = 0;

	ck_ok(env_list(env_posix(), tmpdir_path(dir, name), count_name, &n));
	return n;
}

static int take_name(void *arg, const char *name, enum env_file_type type)
{
	(void)type;
	(void)snprintf(arg, 128, "%s", name);
	return 1;
}

const char *some_name(const char *name)
{
	static char found[128];

	ck_assert_int_eq(env_list(env_posix(), tmpdir_path(dir, name),
				  take_name, found),
			 1);
	return found;
}

void print_text(void *arg, const char *text)
{
	(void)arg;
	printf("# %s\n", text);
}

uint64_t check_store(const char *name)
{
	struct tt *copy;
	uint64_t at;

	ck_ok(tt_open(tmpdir_path(dir, name), opts, &copy));
	at = ladder_check(copy, 0);
	ck_ok(tt_verify(copy, print_text, NULL));
	ck_ok(tt_close(copy));
	return at;
}

void flip_byte(const char *path, uint64_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t b;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &b, 1, (off_t)at), 1);
	b ^= 1;
	ck_assert_int_eq(pwrite(fd, &b, 1, (off_t)at), 1);
	ck_assert_int_eq(close(fd), 0);
}

/* ---- backups ---------------------------------------------------------- */

static const char *backups(void)
{
	return tmpdir_path(dir, "backups");
}

int backup(uint64_t *id)
{
	return tt_backup(db, backups(), NULL, id);
}

int restore(uint64_t id, const char *name)
{
	return backup_restore(env, backups(), id, tmpdir_path(dir, name), NULL);
}

int verify(uint64_t id)
{
	return backup_verify(env, backups(), id, print_text, NULL, NULL);
}

int delete_backup(uint64_t id)
{
	return backup_delete(env, backups(), id);
}

int prune(uint64_t keep)
{
	return backup_prune(env, backups(), keep);
}

static int note(void *arg, const struct tt_backup_info *info)
{
	struct listed *l = arg;

	if (info->damage) {
		l->n_damaged++;
		return 0;
	}
	ck_assert(info->files > 0 && info->bytes > 0 && info->time > 0 &&
		  l->n < 32);
	l->ids[l->n++] = info->id;
	return 0;
}

struct listed list_backups(void)
{
	struct listed l = { .n = 0 };

	ck_ok(backup_each(env, backups(), note, &l));
	return l;
}

/* ---- progress --------------------------------------------------------- */

int watch(void *arg, const struct tt_progress *p)
{
	struct watcher *w = arg;

	ck_assert_uint_ge(p->bytes_done, w->last.bytes_done);
	ck_assert_uint_ge(p->files_done, w->last.files_done);
	ck_assert_uint_le(p->bytes_done, p->bytes_total);
	ck_assert_uint_le(p->files_done, p->files_total);
	w->last = *p;
	return ++w->n_calls > w->n_most;
}

void expect_finished(struct watcher *w)
{
	ck_assert_uint_gt(w->n_calls, 3);
	ck_assert_uint_eq(w->last.bytes_done, w->last.bytes_total);
	ck_assert_uint_eq(w->last.files_done, w->last.files_total);
	*w = (struct watcher){ .n_most = w->n_most };
}

/* ---- load ------------------------------------------------------------- */

static pthread_t threads[N_WRITERS];
static _Atomic bool is_over;
static _Atomic uint64_t reached[N_WRITERS];

static void *write_on(void *arg)
{
	unsigned no = (unsigned)(uintptr_t)arg;
	uint64_t i = 0;

	while (!atomic_load(&is_over)) {
		i++;
		ck_ok(ladder_step(db, no, i, i % 512 == 0));
		atomic_store(&reached[no], i);
	}
	return NULL;
}

void load_start(void)
{
	/* No failures, and no lock around every call. */
	ck_ok(tt_close(db));
	options_set_env(opts, env_posix());
	open_store();
	atomic_store(&is_over, false);
	for (uintptr_t i = 0; i < N_WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_on,
						(void *)i),
				 0);
}

struct heights load_wait(uint64_t n)
{
	uint64_t until = atomic_load(&reached[0]) + n;
	struct heights h;

	while (atomic_load(&reached[0]) < until)
		(void)sched_yield();
	for (unsigned i = 0; i < N_WRITERS; i++)
		h.at[i] = atomic_load(&reached[i]);
	return h;
}

struct heights load_now(void)
{
	struct heights h;

	for (unsigned i = 0; i < N_WRITERS; i++)
		h.at[i] = atomic_load(&reached[i]) + 1;
	return h;
}

void load_stop(void)
{
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < N_WRITERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

void check_heights(const char *name, const struct heights *least,
		   const struct heights *most)
{
	struct tt *copy;

	ck_ok(tt_open(tmpdir_path(dir, name), opts, &copy));
	for (unsigned i = 0; i < N_WRITERS; i++) {
		uint64_t at = ladder_check(copy, i);

		ck_assert_msg(at >= least->at[i] && at <= most->at[i],
			      "%s: %llu, not %llu to %llu", name,
			      (unsigned long long)at,
			      (unsigned long long)least->at[i],
			      (unsigned long long)most->at[i]);
	}
	ck_ok(tt_verify(copy, print_text, NULL));
	ck_ok(tt_close(copy));
}
