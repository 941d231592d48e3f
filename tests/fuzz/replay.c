/* SPDX-License-Identifier: MIT */
/* See replay.h. Prints TAP: one result for the seeds, one for mutations. */
#include "fuzz/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"
#include "support/prng.h"

#define MAX_SEEDS 256
#define MAX_SEED_BYTES ((size_t)1 << 20)

static struct buf seeds[MAX_SEEDS];
static size_t n_seeds;

static int take_seed(void *arg, const char *name, enum env_file_type type)
{
	const char *dir = arg, *suffix = fuzz_target.suffix;
	size_t len = strlen(name), want = suffix ? strlen(suffix) : 0;
	char path[4096];

	if (type != ENV_TYPE_FILE || n_seeds == MAX_SEEDS || len < want ||
	    (suffix && strcmp(name + len - want, suffix) != 0))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (env_read_file(env_posix(), path, MAX_SEED_BYTES, &seeds[n_seeds]) <
	    0) {
		printf("Bail out! %s\n", err_text());
		exit(1);
	}
	n_seeds++;
	return 0;
}

static void take_seeds(void)
{
	const char *src = getenv("TT_SRCDIR");
	char dir[2048];

	for (int i = 0; i < FUZZ_MAX_SEED_DIRS && fuzz_target.seed_dirs[i];
	     i++) {
		snprintf(dir, sizeof(dir), "%s/tests/%s", src ? src : ".",
			 fuzz_target.seed_dirs[i]);
		if (env_list(env_posix(), dir, take_seed, dir) < 0) {
			printf("Bail out! %s\n", err_text());
			exit(1);
		}
	}
}

static size_t at_random(struct rng *rng, const struct buf *b)
{
	return b->len ? rng_below(rng, b->len) : 0;
}

/* Numbers that lengths and counts go wrong with. */
static void put_number(struct rng *rng, struct buf *b)
{
	static const uint32_t odd[] = { 0,	    1,	    0x7f,    0x80,
					0xff,	    0xffff, 0x10000, 0x7fffffff,
					0x80000000, ~0u };
	size_t at = at_random(rng, b);
	uint32_t v = odd[rng_below(rng, sizeof(odd) / sizeof(odd[0]))];

	for (size_t i = 0; i < 4 && at + i < b->len; i++)
		b->data[at + i] = (uint8_t)(v >> 8 * i);
}

/* Copies a run of bytes over, or moves the tail; of its own or another seed. */
static void copy_run(struct rng *rng, struct buf *b)
{
	const struct buf *from = &seeds[rng_below(rng, n_seeds)];
	size_t at = at_random(rng, b), src = at_random(rng, from);
	size_t n = rng_below(rng, 64);

	n = n < from->len - src ? n : from->len - src;
	n = n < b->len - at ? n : b->len - at;
	if (n)
		memcpy(b->data + at, from->data + src, n);
}

static void mutate(struct rng *rng, struct buf *b)
{
	switch (rng_below(rng, 6)) {
	case 0:
	case 1:
		if (b->len)
			b->data[at_random(rng, b)] ^=
				(uint8_t)(1u << rng_below(rng, 8));
		break;
	case 2:
		if (b->len)
			b->data[at_random(rng, b)] = (uint8_t)rng_next(rng);
		break;
	case 3:
		put_number(rng, b);
		break;
	case 4:
		copy_run(rng, b);
		break;
	default:
		if (rng_one_in(rng, 4))
			buf_truncate(b, at_random(rng, b));
		else if (buf_append_fill(b, (uint8_t)rng_next(rng),
					 rng_below(rng, 40)) < 0)
			abort();
	}
}

/* The input in a block of exactly its size, so that ASan sees its end. */
static void feed(const struct buf *b)
{
	uint8_t *exact = malloc(b->len ? b->len : 1);

	if (!exact)
		abort();
	if (b->len)
		memcpy(exact, b->data, b->len);
	LLVMFuzzerTestOneInput(exact, b->len);
	free(exact);
}

int main(void)
{
	struct buf b = BUF_INIT;
	struct rng rng;
	uint64_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	take_seeds();
	for (size_t i = 0; i < n_seeds; i++)
		feed(&seeds[i]);
	printf("%s 1 - %s: %zu seeds\n", n_seeds ? "ok" : "not ok",
	       fuzz_target.name, n_seeds);
	test_rng(&rng);
	n = test_scale(fuzz_target.n_mutations);
	for (uint64_t i = 0; n_seeds && i < n; i++) {
		if (buf_set(&b, buf_slice(&seeds[rng_below(&rng, n_seeds)])) <
		    0)
			abort();
		for (uint64_t k = rng_range(&rng, 1, 6); k > 0; k--)
			mutate(&rng, &b);
		feed(&b);
	}
	printf("ok 2 - %s: %llu mutations\n1..2\n", fuzz_target.name,
	       (unsigned long long)n);
	buf_fini(&b);
	for (size_t i = 0; i < n_seeds; i++)
		buf_fini(&seeds[i]);
	return 0;
}
