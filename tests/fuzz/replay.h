/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing without a fuzzer. A target is a file with
 *
 *	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
 *	const struct fuzz_target fuzz_target = { "name", "dir", ... };
 *
 * Linked with replay.c it is a test: every file of its seed directories is
 * fed to it as it is, then thousands of random mutations of them. Compiled
 * with clang -fsanitize=fuzzer, without replay.c, the same file is a libFuzzer
 * target. A crash becomes a file in corpus/, and is replayed for ever.
 *
 * TT_TEST_SEED repeats a run; TT_TEST_SCALE multiplies the mutations.
 */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_MAX_SEED_DIRS 4

struct fuzz_target {
	const char *name;
	/* Directories of seeds below the source's tests/, NULL-ended. */
	const char *seed_dirs[FUZZ_MAX_SEED_DIRS];
	const char *suffix; /* of the files to take; NULL: all */
	unsigned n_mutations;
};

extern const struct fuzz_target fuzz_target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Puts the bytes into a file without a name on any disk; its path, good until
 * the next call. Aborts when that fails.
 */
const char *fuzz_file(const void *data, size_t size);

#endif
