/* SPDX-License-Identifier: MIT */
/*
 * Tells the kernel what it must forget after a change that came through the
 * port: the entry (a positive or a negative one), the directory's attributes
 * and its cached listing, the attributes of an inode.
 *
 * Some notices take the directory's lock in the kernel, which every LOOKUP,
 * CREATE and READDIR under way holds until we answer it: a request handler
 * that notified could wait for itself. So one thread does nothing else, holds
 * no lock meanwhile, and is fed by a queue of fixed size.
 *
 * Threads: any, unless a function says otherwise.
 */
#ifndef FS_LL_NOTIFY_H
#define FS_LL_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "tree/tree.h"

struct fuse_session;
struct ll_notify;

/* `counters` (of enum ll_counter) is kept. 0 or -ENOMEM. Until
 * ll_notify_start() every change is dropped: no kernel knows anything. */
int ll_notify_new(struct counters *counters, struct ll_notify **out);

/* Starts the thread for a session that has been mounted and is kept, as is
 * the tree. */
int ll_notify_start(struct ll_notify *n, struct fuse_session *se,
		    struct tree *tree);

/* Ends the thread; what is queued is dropped. Before the session goes. */
void ll_notify_stop(struct ll_notify *n);

void ll_notify_free(struct ll_notify *n);

/* What the tree is to be given. Its changes_told() waits for the thread, for
 * a second at most: longer than that the kernel only takes when a process
 * holds a directory of the mount locked on purpose. */
struct tree_listener ll_notify_listener(struct ll_notify *n);

/*
 * The kernel is about to be told about names in directory `parent`. Call it
 * before asking the tree: changes from then on are queued. Directories never
 * named here cost the port nothing.
 */
void ll_notify_will_know(struct ll_notify *n, uint64_t parent);

/*
 * The tree is crowded: asks the kernel to give back inodes that it does not
 * need, where it can be asked to (Linux 6.18). For handlers; waits for nothing.
 */
void ll_notify_crowded(struct ll_notify *n);

/*
 * An answer to READDIRPLUS, from the reading of the tree until the kernel has
 * taken its names in; one at a time for each directory handle, which guards
 * it. Zeroed at first.
 */
struct ll_listing {
	uint64_t dir, begun_ns;
	bool is_out; /* sent, and perhaps not yet taken in */
};

/* The tree is about to be read. False when names there have changed lately:
 * the answer must not tell the kernel which inodes they name. */
bool ll_notify_list_begin(struct ll_notify *n, struct ll_listing *l,
			  uint64_t dir);

/* An answer that tells it is about to be sent. False when names have changed
 * since: it must not, either. */
bool ll_notify_list_send(struct ll_notify *n, struct ll_listing *l);

/* The kernel has taken the answer in, as the next request on the handle says;
 * or it was not sent. Does nothing when there is none. */
void ll_notify_list_taken(struct ll_notify *n, struct ll_listing *l);

#endif
