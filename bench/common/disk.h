/* SPDX-License-Identifier: MIT */
/* Directories of stores. */
#ifndef BENCH_DISK_H
#define BENCH_DISK_H

#include <stdint.h>

/* What the files below `dir` take on disk. */
uint64_t disk_bytes(const char *dir);

/* Removes `dir` with all in it; a missing one is fine. 0 or -errno. */
int disk_remove(const char *dir);

/* Makes `dir` and the directories above it. 0 or -errno. */
int disk_make(const char *dir);

#endif
