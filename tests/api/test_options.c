/* SPDX-License-Identifier: MIT */
/*
 * Every option at its extremes: the table says what is legal, and each of it
 * opens a store that works, in memory and time that are nothing to speak of.
 * A new option is tried by being in the table.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "api/api.h"

#define N_KEYS 300
#define N_STEPS 3000
#define VALUE_MAX 700
/* A test process with a sanitizer takes some. */
/* KiB. ThreadSanitizer keeps several times as much beside what is used. */
#ifdef __SANITIZE_THREAD__
#define MEMORY_MOST (8192L << 10)
#else
#define MEMORY_MOST (1024L << 10)
#endif

static char *dir;

static void setup(void)
{
	dir = make_dir();
}

static void teardown(void)
{
	remove_dir(dir);
}

/* ---- a small model ------------------------------------------------------ */

/* versions[k]: what was last put, 0: it is not there. */
static unsigned versions[N_KEYS];
static unsigned next_version;
static uint64_t state;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static struct tt_slice key_of(unsigned k)
{
	static char key[16];

	(void)snprintf(key, sizeof(key), "%c/%05u", "xyz"[k % 3], k);
	return tt_str(key);
}

static struct tt_slice value_of(unsigned version)
{
	static char value[VALUE_MAX];
	size_t len = version * 7919u % VALUE_MAX;

	for (size_t i = 0; i < len; i++)
		value[i] = (char)(version + i / 16);
	return (struct tt_slice){ value, len };
}

static void step(struct tt *db, const struct tt_write_options *wo)
{
	unsigned k = below(N_KEYS);

	if (below(4) == 0) {
		ok(tt_delete(db, wo, key_of(k), NULL));
		versions[k] = 0;
		return;
	}
	versions[k] = ++next_version;
	ok(tt_put(db, wo, key_of(k), value_of(versions[k]), NULL));
}

static void check_all(struct tt *db, const char *what)
{
	struct tt_iter *it;
	unsigned live = 0, seen = 0;
	int r;

	for (unsigned k = 0; k < N_KEYS; k++) {
		struct tt_pinned p = { .release = NULL };
		struct tt_slice want = value_of(versions[k]);

		r = tt_get_pinned(db, NULL, key_of(k), &p);
		ck_assert_msg(r == (versions[k] ? 0 : TT_NOTFOUND),
			      "%s: key %u: %d %s", what, k, r,
			      tt_error_text(r));
		if (r == 0)
			ck_assert_msg(p.value.len == want.len &&
					      !memcmp(p.value.data, want.data,
						      want.len),
				      "%s: key %u: wrong value", what, k);
		live += r == 0;
		tt_unpin(&p);
	}
	ok(tt_iter_new(db, NULL, &it));
	for (r = tt_iter_last(it); r == 0; r = tt_iter_prev(it))
		seen++;
	ck_assert_int_eq(r, TT_END);
	ck_assert_uint_eq(seen, live);
	tt_iter_free(it);
}

/* ---- one value of one option ------------------------------------------- */

static struct tt *open_with(const char *name, const char *value)
{
	struct tt_options *o = tt_options_new();
	char path[64];
	struct tt *db;

	ck_assert_ptr_nonnull(o);
	ok(tt_options_set(o, name, value));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	ok(tt_open(path, o, &db));
	tt_options_free(o);
	return db;
}

static void try_value(const char *name, const char *value)
{
	struct rusage usage;
	char what[128], cmd[128];
	struct tt *db = open_with(name, value);

	(void)snprintf(what, sizeof(what), "%s = %s", name, value);
	memset(versions, 0, sizeof(versions));
	for (unsigned i = 0; i < N_STEPS; i++) {
		struct tt_write_options wo = { .sync = below(200) == 0 };

		step(db, &wo);
		if (i == N_STEPS / 3)
			ok(tt_flush(db));
		if (i == N_STEPS / 2)
			ok(tt_compact(db, tt_str(""), tt_str("y")));
	}
	check_all(db, what);
	ok(tt_close(db));
	db = open_with(name, value);
	check_all(db, what);
	ok(tt_compact(db, tt_str(""), tt_str("")));
	ok(tt_verify(db, NULL, NULL));
	check_all(db, what);
	ok(tt_close(db));
	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	ck_assert_msg(usage.ru_maxrss < MEMORY_MOST, "%s: %ld KiB of memory",
		      what, usage.ru_maxrss);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s/%s", dir, name);
	ck_assert_int_eq(system(cmd), 0);
}

static void must_refuse(struct tt_options *o, const char *name,
			const char *value)
{
	int r = tt_options_set(o, name, value);

	ck_assert_msg(r == TT_EOPTION, "%s = %s: %d", name, value, r);
	ck_assert_msg(strstr(tt_error_text(r), name) != NULL, "%s",
		      tt_error_text(r));
}

/* The words of a range: "one of none lz4", "yes or no", "a size from 1M to
 * 1T". */
static void try_range(const struct tt_option_info *info)
{
	char range[128], *word, *save = NULL, *last = NULL;
	bool is_enum = strcmp(info->type, "enum") == 0;
	bool is_bool = strcmp(info->type, "bool") == 0;

	ck_assert_uint_lt(strlen(info->range), sizeof(range));
	(void)snprintf(range, sizeof(range), "%s", info->range);
	for (word = strtok_r(range, " ", &save); word;
	     last = word, word = strtok_r(NULL, " ", &save)) {
		bool is_value = is_enum	  ? last && strcmp(word, "of") != 0
				: is_bool ? strcmp(word, "or") != 0
					  : last && (!strcmp(last, "from") ||
						     !strcmp(last, "to"));

		if (is_value)
			try_value(info->name, word);
	}
}

START_TEST(every_option_works_at_its_extremes)
{
	const struct tt_option_info *info = tt_option_info((size_t)_i);
	struct tt_options *o = tt_options_new();

	state = (uint64_t)_i;
	ck_assert(info && o);
	if (strcmp(info->name, "create_if_missing") == 0) {
		tt_options_free(o); /* has a test of its own */
		return;
	}
	try_value(info->name, info->default_value);
	try_range(info);
	/* Where 0 means "derive it", the least that can be said is 1. */
	if (tt_options_set(o, info->name, "1") == 0)
		try_value(info->name, "1");
	must_refuse(o, info->name, "");
	must_refuse(o, info->name, "nonsense");
	if (strcmp(info->type, "enum") != 0) {
		must_refuse(o, info->name, "-1");
		must_refuse(o, info->name, "99999999999999999999");
	}
	tt_options_free(o);
}
END_TEST

START_TEST(a_store_is_made_only_where_that_is_wanted)
{
	struct tt_options *o = tt_options_new();
	struct tt *db = NULL;
	char path[64];
	int r;

	ck_assert_ptr_nonnull(o);
	(void)snprintf(path, sizeof(path), "%s/missing", dir);
	ok(tt_options_set(o, "create_if_missing", "no"));
	r = tt_open(path, o, &db);
	ck_assert_int_eq(r, TT_ENOSTORE);
	ck_assert_ptr_nonnull(strstr(tt_error_text(r), path));
	ck_assert_int_ne(access(path, F_OK), 0);
	ok(tt_options_set(o, "create_if_missing", "yes"));
	ok(tt_open(path, o, &db));
	ok(tt_close(db));
	ok(tt_options_set(o, "create_if_missing", "no"));
	ok(tt_open(path, o, &db));
	ok(tt_close(db));
	tt_options_free(o);
}
END_TEST

/* ---- write options ------------------------------------------------------ */

/* Both flags on everything, in a store that has no room to speak of. */
START_TEST(no_write_waits_that_must_not)
{
	struct tt_write_options wo = { .sync = true, .no_wait = true };
	struct tt_options *o = tt_options_new();
	struct tt_batch *big = tt_batch_new();
	unsigned n_done = 0, n_refused = 0;
	struct tt *db;

	ck_assert(o && big);
	ok(tt_options_set(o, "memory", "1M"));
	ok(tt_options_set(o, "memtable_bytes", "32k"));
	ok(tt_options_set(o, "l0_trigger", "1"));
	ok(tt_open(dir, o, &db));
	tt_options_free(o);
	ok(tt_write(db, &wo, big, NULL)); /* of nothing */
	for (unsigned i = 0; i < 20000 && (n_refused < 50 || n_done < 500);
	     i++) {
		unsigned k = below(N_KEYS);
		int r;

		wo.sync = below(50) == 0;
		r = tt_put(db, &wo, key_of(k), value_of(next_version + 1),
			   NULL);
		if (r == -EAGAIN) {
			n_refused++;
			continue;
		}
		ok(r);
		versions[k] = ++next_version;
		n_done++;
	}
	ck_assert_uint_gt(n_done, 0);
	check_all(db, "no_wait"); /* what was refused did not happen */
	/* A batch that is larger than a memtable finds room too. */
	for (unsigned k = 0; k < N_KEYS; k++) {
		versions[k] = ++next_version;
		ok(tt_batch_put(big, key_of(k), value_of(versions[k])));
	}
	wo.sync = true;
	ck_assert_uint_gt(tt_batch_bytes(big), 64 << 10);
	while (tt_write(db, &wo, big, NULL) == -EAGAIN)
		ok(tt_flush(db));
	check_all(db, "a large batch");
	tt_batch_free(big);
	ok(tt_close(db));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");
	int n = 0;

	while (tt_option_info((size_t)n))
		n++;
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_option_works_at_its_extremes, 0, n);
	tcase_add_test(t, a_store_is_made_only_where_that_is_wanted);
	tcase_add_test(t, no_write_waits_that_must_not);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(suite)
