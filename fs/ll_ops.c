/* SPDX-License-Identifier: MIT */
/*
 * The op table, in the header's order, and the face's life.
 *
 * What is missing, and why:
 * - getlk, setlk, flock: without them the kernel keeps locks itself. Every
 *   process that can lock a file of the mount goes through this kernel, so
 *   its answer is the whole truth, waits can be interrupted, and a lock costs
 *   no request.
 * - access: permissions are the kernel's to check (default_permissions).
 * - write_buf, retrieve_reply: they exist for splicing, see ll_init.c.
 * - bmap: there is no device under the mount. poll: files are always ready.
 */
#include "base/err.h"
#include "fs/ll.h"
#include "fs/ll_notify.h"

const struct fuse_lowlevel_ops ll_ops = {
	.init = ll_init,
	.lookup = ll_lookup,
	.forget = ll_forget,
	.getattr = ll_getattr,
	.setattr = ll_setattr,
	.readlink = ll_readlink,
	.mknod = ll_mknod,
	.mkdir = ll_mkdir,
	.unlink = ll_unlink,
	.rmdir = ll_rmdir,
	.symlink = ll_symlink,
	.rename = ll_rename,
	.link = ll_link,
	.open = ll_open,
	.read = ll_read,
	.write = ll_write,
	.flush = ll_flush,
	.release = ll_release,
	.fsync = ll_fsync,
	.opendir = ll_opendir,
	.readdir = ll_readdir,
	.releasedir = ll_releasedir,
	.fsyncdir = ll_fsyncdir,
	.statfs = ll_statfs,
	.setxattr = ll_setxattr,
	.getxattr = ll_getxattr,
	.listxattr = ll_listxattr,
	.removexattr = ll_removexattr,
	.create = ll_create,
	.ioctl = ll_ioctl,
	.forget_multi = ll_forget_multi,
	.fallocate = ll_fallocate,
	.readdirplus = ll_readdirplus,
	.copy_file_range = ll_copy_file_range,
	.lseek = ll_lseek,
#ifdef HAVE_STRUCT_FUSE_LOWLEVEL_OPS_TMPFILE
	.tmpfile = ll_tmpfile,
#endif
};

/* clang-format off */
static const struct counter_desc descs[] = {
#define REQUEST(id, name, help) {"fuse.requests." name, help},
#define NOTICE(id, name, help) {"fuse.notices." name, help},
#include "fs/requests.def"
#undef REQUEST
#undef NOTICE
};
/* clang-format on */
_Static_assert(ARRAY_LEN(descs) == N_LL_COUNTERS, "one row per counter");

int ll_start(struct ll *ll, struct tree *tree, const struct ll_options *opts)
{
	int r;

	*ll = (struct ll){ .tree = tree, .opts = *opts };
	r = counters_new(N_LL_COUNTERS, &ll->counters);
	if (r < 0)
		return r;
	r = ll_notify_new(ll->counters, &ll->notify);
	if (r < 0) {
		counters_free(ll->counters);
		return r;
	}
	mutex_init(&ll->mu, RANK_FS);
	list_init(&ll->dirs);
	return 0;
}

void ll_finish(struct ll *ll)
{
	ll_dir_close_all(ll);
	mutex_fini(&ll->mu);
	ll_notify_free(ll->notify);
	counters_free(ll->counters);
}

void ll_stats_each(void *arg,
		   void (*fn)(void *fn_arg, const char *name, uint64_t value,
			      const char *help),
		   void *fn_arg)
{
	const struct ll *ll = arg;

	for (unsigned i = 0; i < N_LL_COUNTERS; i++)
		fn(fn_arg, descs[i].name, counter_read(ll->counters, i),
		   descs[i].help);
}
