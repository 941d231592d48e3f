/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a file of options: refused, or read without harm; also with the
 * checksum made right.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "fuzz/replay.h"
#include "lsm/options_file.h"
#include "lsm/options_format.h"
#include "ttrunks.h"

const struct fuzz_target fuzz_target = {
	.name = "options",
	.seed_dirs = { "fuzz/corpus/options" },
	.n_mutations = 10000,
};

static int use_option(void *arg, const char *name, const char *value,
		      bool is_set)
{
	volatile size_t sum = strlen(name) + strlen(value) + is_set;

	(void)arg;
	(void)sum;
	return 0;
}

static void parse(const uint8_t *data, size_t size)
{
	struct options_file f;

	if (options_file_init(&f, env_posix(), "fuzz") < 0)
		abort();
	if (options_file_parse(&f, SLICE(data, size)) == 0) {
		(void)tt_options_each(f.known, use_option, NULL);
		(void)options_file_may_hide(&f, "retention");
	}
	options_file_fini(&f);
}

static void reseal(uint8_t *p, size_t size)
{
	char trailer[OPTIONS_TRAILER_LEN + 1];

	if (size < OPTIONS_TRAILER_LEN)
		return;
	size -= OPTIONS_TRAILER_LEN;
	(void)snprintf(trailer, sizeof(trailer),
		       OPTIONS_TRAILER "%016" PRIx64 "\n", checksum(p, size));
	memcpy(p + size, trailer, OPTIONS_TRAILER_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	if (!copy)
		abort();
	parse(data, size);
	if (size)
		memcpy(copy, data, size);
	reseal(copy, size);
	parse(copy, size);
	free(copy);
	return 0;
}
