/* SPDX-License-Identifier: MIT */
/* Any bytes as a table of the old Go program: refused, or read to its end. */
#include <stdlib.h>

#include "base/checksum.h"
#include "fuzz/replay.h"
#include "tools/old_table.h"

const struct fuzz_target fuzz_target = {
	.name = "tables of the old program",
	.seed_dirs = { "fuzz/corpus/old_table", "golden" },
	.n_mutations = 10000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct old_record rec;
	struct old_table *t;

	if (old_table_open(fuzz_file(data, size), &t) != 0)
		return 0;
	while (old_table_next(t, &rec) == 0) {
		volatile uint64_t sum = checksum_slice(rec.key);

		sum = sum ^ checksum_slice(rec.value);
	}
	old_table_close(t);
	return 0;
}
