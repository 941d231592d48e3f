/* SPDX-License-Identifier: MIT */
/*
 * Collecting garbage in value files.
 *
 * A value is garbage when no table points to it any more: compaction has
 * dropped its record. (Compaction weighs tables with their values, so that
 * the records which wait to be dropped are bounded as in any leveled store.)
 * A file without live values is dropped at once, by whatever edit comes next.
 * When all files together hold more garbage than value_garbage percent of
 * what lives, plus one file, those with the least life in them become
 * victims: every table that points into one is rewritten where it is, its
 * values moved to other files (value_mover.h), one table an edit. Other
 * compactions move victims' values as well on their way. Then the victims
 * are empty.
 *
 * How many victims at a time. Their values are spread over tables, mostly
 * over all: emptying one file rewrites as many pointers' tables as emptying
 * ten. So victims are gathered until what they free outweighs the tables to
 * be rewritten; which keeps what collection writes in proportion to what it
 * frees, whatever the size of the store. What they still hold takes space
 * twice meanwhile, and is bounded to an eighth of the store's values, and to
 * half of what the disk has left: a full disk would be filled with copies that
 * free nothing.
 *
 * Values that keys share (copies.c) are counted pointer by pointer, by tables
 * and so here: that is what moving them takes, since each pointer that leaves a
 * victim takes a copy of its own along. So emptying files never takes more room
 * than it frees, and sharing ends only there. A file may seem to hold more
 * than it has; then it is no victim, and what is garbage in it stays, which is
 * less than sharing saves: a store takes no more than one with the same values
 * unshared may. Pointers in memtables count as living as long as they are in
 * no table, but shared ones do not: what they lead to is counted already.
 *
 * Works in turns with compaction, in pieces of one table. Writers are slowed
 * when garbage grows beyond its bound all the same.
 */
#ifndef LSM_VALUE_GC_H
#define LSM_VALUE_GC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct compact_pick;
struct tt;
struct value_file;
struct version;
struct version_values;

/* Owned by the compaction task, but for the flags. */
struct value_gc {
	struct value_file **victims; /* references, rising numbers */
	size_t n;
	bool was_last;	 /* the last piece of work was one of collection */
	bool lacks_room; /* the disk is too full to move anything */
	/* guarded by the store's lock */
	bool is_idle; /* nothing can be done for the version that is shown */
	bool has_victims;
};

void value_gc_fini(struct value_gc *g);

/* How much garbage there is, and may be. Plain arithmetic over sums. */
struct value_garbage {
	uint64_t bytes;
	uint64_t allowed;
};
void value_garbage_of(const struct version_values *vv, unsigned percent,
		      uint64_t file_bytes, uint64_t unflushed,
		      struct value_garbage *out);

/* The same for the store as it is; with its lock. */
void value_gc_look_locked(struct tt *db, struct value_garbage *out);

/* True when value_gc_pick() would find something, perhaps; with the lock. */
bool value_gc_is_due_locked(struct tt *db);

/*
 * The next table to rewrite: 1 with *out set, 0 when there is nothing to do.
 * Chooses victims when there are none.
 */
int value_gc_pick(struct tt *db, struct version *v, struct compact_pick *out);

/* Chooses victims of a version: files, at most `max` of them, into `out`, when
 * the disk has `free_bytes` left. */
size_t value_gc_choose(const struct version *v, uint64_t file_bytes,
		       uint64_t free_bytes, struct value_file **out,
		       size_t max);

/* Drops the files that are dead, if there are any. */
int value_gc_drop_dead(struct tt *db);

#endif
