/* SPDX-License-Identifier: MIT */
#include "tree/inode_reader.h"

#include "base/err.h"

int inode_reader_begin(struct inode_reader *rd, struct tree *t, uint64_t ino)
	NO_THREAD_SAFETY
{
	int r;

	rd->t = t;
	rd->ns_token = ns_lock_shared(&t->ns);
	r = inode_get(t, ino, 0, &rd->in);
	if (r < 0)
		goto fail;
	rwlock_rdlock(&rd->in->lock);
	if (rd->in->st.home != HOME_NONE)
		return 0;
	rwlock_rdunlock(&rd->in->lock);
	inode_unref(t, rd->in, 0);
	r = err_set(-ESTALE, "the inode is gone");
fail:
	ns_unlock_shared(&t->ns, rd->ns_token);
	return r;
}

void inode_reader_end(struct inode_reader *rd) NO_THREAD_SAFETY
{
	rwlock_rdunlock(&rd->in->lock);
	ns_unlock_shared(&rd->t->ns, rd->ns_token);
	inode_unref(rd->t, rd->in, 0);
}
