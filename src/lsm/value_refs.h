/* SPDX-License-Identifier: MIT */
/*
 * How many bytes of which value files something refers to: a table, for the
 * accounting of what lives. Sorted by file number, each file once. One owner
 * at a time.
 */
#ifndef LSM_VALUE_REFS_H
#define LSM_VALUE_REFS_H

#include <stddef.h>
#include <stdint.h>

struct value_ref {
	uint64_t file_no;
	uint64_t bytes; /* of records, value_record_space() of each */
};

struct value_refs {
	struct value_ref *v;
	size_t n, cap;
	size_t last; /* where the one before was found */
	uint64_t bytes;
};

void value_refs_init(struct value_refs *s);
void value_refs_fini(struct value_refs *s);
/* Empties it, keeping its memory. */
void value_refs_clear(struct value_refs *s);

/* Adds bytes of a file. 0 or -ENOMEM. */
int value_refs_add(struct value_refs *s, uint64_t file_no, uint64_t bytes);

/* Says how many bytes of a file there are, instead of adding. */
int value_refs_set(struct value_refs *s, uint64_t file_no, uint64_t bytes);
/* Removes a file, if it is there. */
void value_refs_remove(struct value_refs *s, uint64_t file_no);

/* The first of the sorted `v` whose number is not below `file_no`; n when
 * there is none. */
size_t value_refs_find(const struct value_ref *v, size_t n, uint64_t file_no);

#endif
