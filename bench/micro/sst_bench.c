/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a read or a build cost, without the rest of the engine:
 * table building, point reads that hit and miss, scans, opening.
 *
 *	sst_bench [-n RECORDS] [-v VALUE_BYTES] [-b BLOCK_BYTES] [-c CODEC]
 *		  [-m CACHE_MIB] [-t THREADS] [-d DIR]
 *
 * One line per measurement: nanoseconds of processor time per operation.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "base/rand.h"
#include "lsm/block_cache.h"
#include "lsm/key_hash.h"
#include "lsm/sst_reader.h"
#include "lsm/sst_writer.h"
#include "lsm/table_cache.h"

#define KEY_LEN 16
#define TABLE_BYTES ((size_t)16 << 20)
#define MAX_TABLES 256

static struct {
	uint64_t n;
	uint32_t value_len;
	uint32_t block_bytes;
	int codec;
	size_t cache_mib;
	unsigned threads;
	const char *dir;
} opt = { 1000000, 100, 0, CODEC_NONE, 512, 1, "/tmp" };

static struct env *env;
static char dir[4096];
static struct table_cache *tc;
static struct block_cache *cache;
static struct table_slot slots[MAX_TABLES];
static uint64_t first_key[MAX_TABLES + 1];
static unsigned n_tables;

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int r)
{
	if (r < 0) {
		fprintf(stderr, "sst_bench: %s\n", err_text());
		exit(1);
	}
}

/* Quick decimal, so that making keys is not what is measured. */
static struct tt_slice fast_key(uint64_t i, char *p)
{
	for (int d = KEY_LEN - 1; d >= 0; d--) {
		p[d] = (char)('0' + i % 10);
		i /= 10;
	}
	return SLICE(p, KEY_LEN);
}

static void end_table(struct sst_writer *w)
{
	char tmp[4200], path[4200];

	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	snprintf(path, sizeof(path), "%s/%06u.sst", dir, n_tables);
	must(sst_writer_finish(w, env, tmp, path, NULL));
	table_slot_init(&slots[n_tables], n_tables);
	n_tables++;
	assert(n_tables < MAX_TABLES);
}

static void build(void)
{
	struct sst_writer_options o = { .codec = (enum codec)opt.codec,
					.block_bytes = opt.block_bytes,
					.bloom_bits = 10 };
	char *value = malloc(opt.value_len + 1);
	struct record rec = { .value = SLICE(value, opt.value_len) };
	struct sst_writer *w;
	struct rng rng;
	char key[KEY_LEN];
	double t0, t_keys;

	assert(value);
	rng_init(&rng, 1);
	rng_fill(&rng, value, opt.value_len);
	memset(value, 'x', opt.value_len / 2);
	must(sst_writer_new(&o, &w));
	t0 = cpu_ns();
	for (uint64_t i = 0; i < opt.n; i++)
		rec.key = fast_key(i * 2, key);
	t_keys = cpu_ns() - t0;
	t0 = cpu_ns();
	for (uint64_t i = 0; i < opt.n; i++) {
		if (sst_writer_count(w) == 0)
			first_key[n_tables] = i * 2;
		rec.key = fast_key(i * 2, key);
		rec.ts = (int64_t)i;
		must(sst_writer_add(w, &rec));
		if (sst_writer_bytes(w) >= TABLE_BYTES)
			end_table(w);
	}
	if (sst_writer_count(w))
		end_table(w);
	first_key[n_tables] = UINT64_MAX;
	printf("build            %8.1f ns/record (%u tables)\n",
	       (cpu_ns() - t0 - t_keys) / (double)opt.n, n_tables);
	sst_writer_free(w);
	free(value);
}

static unsigned table_of(uint64_t k)
{
	unsigned lo = 0, hi = n_tables - 1;

	while (lo < hi) {
		unsigned mid = (lo + hi + 1) / 2;

		if (first_key[mid] <= k)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

struct job {
	uint64_t ops;
	uint64_t seed;
	bool missing;
	uint64_t found;
};

static void *get_some(void *arg)
{
	struct job *j = arg;
	struct rng rng;
	char key[KEY_LEN];

	rng_init(&rng, j->seed);
	for (uint64_t i = 0; i < j->ops; i++) {
		uint64_t k = rng_below(&rng, opt.n) * 2 + j->missing;
		struct tt_slice s = fast_key(k, key);
		struct table_guard g;
		struct sst_reader *r;
		struct sst_hit hit;

		table_guard_enter(tc, &g);
		must(table_peek(tc, &slots[table_of(k)], &r));
		if (sst_get(r, cache, s, key_hash(s), INT64_MAX, false, &hit) ==
		    0) {
			j->found += hit.rec.value.len == opt.value_len;
			sst_hit_release(&hit);
		}
		table_guard_leave(tc, &g);
	}
	return NULL;
}

static void gets(const char *name, bool missing, uint64_t ops)
{
	struct job jobs[16];
	pthread_t threads[16];
	double c0 = cpu_ns(), w0 = wall_ns();
	uint64_t found = 0, total = ops * opt.threads;

	for (unsigned t = 0; t < opt.threads; t++) {
		jobs[t] = (struct job){ .ops = ops,
					.seed = t + 7,
					.missing = missing };
		pthread_create(&threads[t], NULL, get_some, &jobs[t]);
	}
	for (unsigned t = 0; t < opt.threads; t++) {
		pthread_join(threads[t], NULL);
		found += jobs[t].found;
	}
	printf("%-16s %8.1f ns/op, wall %.1f ns/op (%.2f %% found)\n", name,
	       (cpu_ns() - c0) / (double)total,
	       (wall_ns() - w0) / (double)total,
	       100.0 * (double)found / (double)total);
}

static void scan(const char *name, unsigned flags)
{
	double t0 = cpu_ns();
	uint64_t n = 0, sum = 0;

	for (unsigned i = 0; i < n_tables; i++) {
		struct sst_reader *r;
		struct rec_iter *it;
		int rc;

		must(table_pin(tc, &slots[i], &r));
		must(sst_iter_new(r, cache, flags, &it));
		for (rc = rec_iter_first(it); rc == 0; rc = rec_iter_next(it)) {
			sum += it->rec.key.len + it->rec.value.len;
			n++;
		}
		must(rc);
		rec_iter_free(it);
		table_unpin(r);
	}
	printf("%-16s %8.1f ns/record (%llu records, %llu bytes)\n", name,
	       (cpu_ns() - t0) / (double)n, (unsigned long long)n,
	       (unsigned long long)sum);
}

static void seeks(uint64_t ops)
{
	struct rec_iter *its[MAX_TABLES];
	struct sst_reader *rs[MAX_TABLES];
	struct rng rng;
	char key[KEY_LEN];
	double t0;

	for (unsigned i = 0; i < n_tables; i++) {
		must(table_pin(tc, &slots[i], &rs[i]));
		must(sst_iter_new(rs[i], cache, 0, &its[i]));
	}
	rng_init(&rng, 3);
	t0 = cpu_ns();
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t k = rng_below(&rng, opt.n * 2);
		struct rec_iter *it = its[table_of(k)];

		if (rec_iter_seek(it, fast_key(k, key), INT64_MAX) == 0)
			for (int j = 0; j < 10 && rec_iter_next(it) == 0; j++)
				;
	}
	printf("seek + 10 next   %8.1f ns/op\n", (cpu_ns() - t0) / (double)ops);
	for (unsigned i = 0; i < n_tables; i++) {
		rec_iter_free(its[i]);
		table_unpin(rs[i]);
	}
}

static void measure(void)
{
	struct block_cache_stats st;
	uint64_t ops = 1000000;
	double t0 = cpu_ns();

	for (unsigned i = 0; i < n_tables; i++) {
		struct sst_reader *r;

		must(table_pin(tc, &slots[i], &r));
		table_unpin(r);
	}
	printf("open             %8.1f us/table\n",
	       (cpu_ns() - t0) / 1e3 / n_tables);
	scan("scan bypassing", SST_ITER_SEQUENTIAL);
	scan("scan filling", 0);
	scan("scan cached", 0);
	gets("get missing", true, ops);
	gets("get cold", false, ops / 2);
	gets("get warm", false, ops);
	seeks(ops / 2);
	block_cache_read_stats(cache, &st);
	printf("cache: %llu hits, %llu misses, %llu evictions, %llu MiB\n",
	       (unsigned long long)st.hits, (unsigned long long)st.misses,
	       (unsigned long long)st.evictions,
	       (unsigned long long)(st.bytes >> 20));
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:v:b:c:m:t:d:")) != -1) {
		switch (c) {
		case 'n':
			opt.n = strtoull(optarg, NULL, 10);
			break;
		case 'v':
			opt.value_len = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			opt.block_bytes = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			opt.codec = codec_by_name(optarg);
			break;
		case 'm':
			opt.cache_mib = strtoul(optarg, NULL, 10);
			break;
		case 't':
			opt.threads = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			opt.dir = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (opt.codec < 0 || opt.threads < 1 || opt.threads > 16) {
		fprintf(stderr, "sst_bench: bad option\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct table_cache_options o = { .dir = dir,
					 .max_bytes = (size_t)1 << 30,
					 .max_open = 1000 };
	char path[4200];

	parse(argc, argv);
	env = env_posix();
	o.env = env;
	snprintf(dir, sizeof(dir), "%s/sst_bench.XXXXXX", opt.dir);
	if (!mkdtemp(dir)) {
		perror("sst_bench: mkdtemp");
		return 1;
	}
	must(block_cache_new(opt.cache_mib << 20, &cache));
	must(table_cache_new(&o, &tc));
	build();
	measure();
	for (unsigned i = 0; i < n_tables; i++) {
		table_slot_fini(tc, &slots[i]);
		snprintf(path, sizeof(path), "%s/%06u.sst", dir, i);
		must(env_unlink(env, path));
	}
	table_cache_free(tc);
	block_cache_free(cache);
	must(env_rmdir(env, dir));
	return 0;
}
