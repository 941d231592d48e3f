/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the list of a backup: refused, or read without harm; and the
 * same with the checksum made right.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "fuzz/replay.h"
#include "lsm/backup_list.h"

const struct fuzz_target fuzz_target = {
	.name = "lists of backups",
	.seed_dirs = { "fuzz/corpus/backup_list", "golden" },
	.suffix = ".list",
	.n_mutations = 20000,
};

static int use_file(void *arg, const struct backup_file *f)
{
	struct buf path = BUF_INIT;

	(void)arg;
	if (f->no == 0 || path_backup_file(&path, "d", 1, f) < 0 ||
	    path_restored(&path, "d", f) < 0 ||
	    strstr((const char *)path.data, "..") != NULL)
		abort();
	buf_fini(&path);
	return 0;
}

static void parse(const uint8_t *data, size_t size)
{
	struct backup_head h;

	(void)backup_list_parse("list", SLICE(data, size), &h, use_file, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t n_end = 21; /* "end ", 16 digits, newline */
	char end[32];
	uint8_t *copy;

	parse(data, size);
	if (size < n_end)
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data, size);
	(void)snprintf(end, sizeof(end), "end %016llx\n",
		       (unsigned long long)checksum(copy, size - n_end));
	memcpy(copy + size - n_end, end, n_end);
	parse(copy, size);
	free(copy);
	return 0;
}
