/* SPDX-License-Identifier: MIT */
/* Numbered files below `top`, some hundreds in a directory, and the system
 * calls on them that workloads are made of. */
#ifndef FSBENCH_FILES_H
#define FSBENCH_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "run.h"

#define PER_DIR 500
#define FILE_NAME 64

/* "d000001/f000000742": file `i`, its name beginning with `letter`. */
void file_name(char out[FILE_NAME], char letter, uint64_t i);
/* "d000001": directory `k`. */
void dir_name(char out[FILE_NAME], uint64_t k);

/* The kernel learns with the first file that some requests need not be sent
 * (OPEN, and RELEASE with it). Ends the process on failure, as do the others
 * that return nothing. */
void files_warm_up(const struct run *r);
/* Makes the directories of files 0 to n - 1. */
void files_make_dirs(const struct run *r, uint64_t n);

/* A new file with these contents; with `sync` durable. 0 or -1. */
int file_create(const struct run *r, const char *name, const void *data,
		size_t len, bool sync);
/* Reads it whole and compares its length. 0 or -1. */
int file_read(const struct run *r, const char *name, char *buf, size_t len);
/* Writes or reads all of it, however it is cut. 0 or -1. */
int write_all(int fd, const char *buf, size_t len);

/* Lists a directory, with the attributes of each entry, or without. Returns
 * how many there were, or -1. */
int64_t list_dir(const struct run *r, const char *name, bool with_attributes);

/* `len` bytes of text that a codec halves or better, by its number. */
void text_make(char *out, size_t len, uint64_t number);

#endif
