/* SPDX-License-Identifier: MIT */
/*
 * The names of a store's files, built and recognised in one place.
 *
 *	STORE/LOCK  CURRENT  MANIFEST-NNNNNN  LOG  wal/  sst/NNNNNN.sst
 *	val/NNNNNN.val
 *
 * Builders replace the contents of `out` by a path with a final zero that is
 * not counted; path_of() gives it as a C string. They return 0 or -ENOMEM.
 * Stateless, thread-safe.
 */
#ifndef LSM_FILE_NAME_H
#define LSM_FILE_NAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define FILE_LOCK "LOCK"
#define FILE_CURRENT "CURRENT"
#define FILE_LOG "LOG"
#define FILE_OPTIONS "OPTIONS"
#define FILE_MANIFEST_PREFIX "MANIFEST-"
#define DIR_TABLES "sst"
#define DIR_VALUES "val"
#define DIR_WAL "wal"
#define TABLE_SUFFIX ".sst"
#define VALUE_SUFFIX ".val"
#define TMP_SUFFIX ".tmp"

static inline const char *path_of(const struct buf *b)
{
	return (const char *)b->data;
}

/* "DIR/NAME" */
int path_join(struct buf *out, const char *dir, const char *name);
/* "DIR/MANIFEST-000012" */
int path_manifest(struct buf *out, const char *dir, uint64_t file_no);
/* "DIR/sst/000012.sst" */
int path_table(struct buf *out, const char *dir, uint64_t file_no);
/* "DIR/wal/000012.wal" */
int path_segment(struct buf *out, const char *dir, uint64_t no);
/* "DIR/sst/000012.sst.tmp" */
int path_table_tmp(struct buf *out, const char *dir, uint64_t file_no);
/* "DIR/val/000012.val" */
int path_values(struct buf *out, const char *dir, uint64_t file_no);

/* The number in "MANIFEST-000012", 0 when the name is no such. */
uint64_t manifest_no_of_name(const char *name);
/* The number in "000012.sst", 0 when the name is no such. */
uint64_t table_no_of_name(const char *name);
/* The number in "000012.val", 0 when the name is no such. */
uint64_t value_no_of_name(const char *name);
/* True for "000012.sst.tmp", a table whose writing was cut off. */
bool name_is_table_tmp(const char *name);

/* True for a name that a store's top directory may hold. */
bool name_belongs_to_store(const char *name);

#endif
