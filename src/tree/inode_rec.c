/* SPDX-License-Identifier: MIT */
#include "tree/inode_rec.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/err.h"

#define NS 1000000000LL
/* What a directory's size is shown as: it has no contents of its own. */
#define DIR_SIZE 4096u

static void encode_trims(const struct inode_state *st, uint8_t *out)
{
	for (unsigned i = 0; i < st->n_trims; i++) {
		struct schema_range r = {
			.from = le64_make(st->trims[i].from),
			.to = le64_make(st->trims[i].to),
			.gen = le32_make(st->trims[i].gen),
		};

		memcpy(out + i * sizeof(r), &r, sizeof(r));
	}
}

size_t inode_rec_encode(const struct inode_state *st, uint8_t *out)
{
	struct schema_inode r = {
		.head = SCHEMA_HEAD_INODE,
		.flags = st->is_inline ? SCHEMA_INLINE : 0,
		.block_shift = st->block_shift,
		.n_trims = st->n_trims,
		.mode = le32_make(st->mode),
		.ino = le64_make(st->ino),
		.uid = le32_make(st->uid),
		.gid = le32_make(st->gid),
		.rdev = le64_make(st->rdev),
		.size = le64_make(st->size),
		.n_blocks = le64_make(st->n_blocks),
		.atime_ns = le64_make((uint64_t)st->atime_ns),
		.mtime_ns = le64_make((uint64_t)st->mtime_ns),
		.ctime_ns = le64_make((uint64_t)st->ctime_ns),
		.btime_ns = le64_make((uint64_t)st->btime_ns),
		.nlink = le32_make(st->nlink),
		.gen = le32_make(st->gen),
		.parent = le64_make(state_is_dir(st) ? st->parent : 0),
		.n_xattrs = le32_make(st->n_xattrs),
	};

	assert(st->n_trims <= SCHEMA_TRIMS_MAX);
	memcpy(out, &r, sizeof(r));
	encode_trims(st, out + sizeof(r));
	return sizeof(r) + st->n_trims * sizeof(struct schema_range);
}

static int decode_trims(struct tt_slice *rest, struct inode_state *st)
{
	for (unsigned i = 0; i < st->n_trims; i++) {
		struct schema_range r;

		if (rest->len < sizeof(r))
			return -1;
		memcpy(&r, rest->data, sizeof(r));
		*rest = slice_skip(*rest, sizeof(r));
		st->trims[i].from = le64_get(r.from);
		st->trims[i].to = le64_get(r.to);
		st->trims[i].gen = le32_get(r.gen);
	}
	return 0;
}

static bool type_is_known(uint32_t mode)
{
	return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) ||
	       S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode) ||
	       S_ISBLK(mode);
}

/* What the row's fields owe each other. */
static const char *state_wrong(const struct inode_state *st, size_t tail_len)
{
	if (!type_is_known(st->mode))
		return "unknown file type";
	if (st->ino == 0)
		return "inode number 0";
	if (st->block_shift < SCHEMA_BLOCK_SHIFT_MIN ||
	    st->block_shift > SCHEMA_BLOCK_SHIFT_MAX)
		return "block size out of range";
	if (st->size > INT64_MAX)
		return "size out of range";
	if (st->is_inline && (!state_is_reg(st) || st->n_blocks || st->n_trims))
		return "an inline file has blocks";
	if (state_is_dir(st)) {
		if (tail_len > TREE_NAME_MAX)
			return "a directory's name is too long";
	} else if (st->is_inline) {
		if (tail_len > SCHEMA_INLINE_MAX || tail_len > st->size)
			return "inline contents longer than the file";
	} else if (S_ISLNK(st->mode)) {
		if (tail_len != st->size)
			return "a link's target differs from its size";
	} else if (tail_len) {
		return "bytes behind the inode";
	}
	return NULL;
}

int inode_rec_decode(struct tt_slice row, int64_t ts, enum inode_home home,
		     uint64_t parent, struct inode_state *out,
		     struct tt_slice *tail)
{
	struct schema_inode r;
	struct tt_slice rest;
	struct inode_state st = { 0 };
	const char *why;

	if (row.len < sizeof(r) || slice_bytes(row)[0] != SCHEMA_HEAD_INODE)
		return err_set(TT_ECORRUPT, "inode row of unknown layout");
	memcpy(&r, row.data, sizeof(r));
	rest = slice_skip(row, sizeof(r));
	st.ino = le64_get(r.ino);
	if ((r.flags & ~SCHEMA_INODE_FLAGS) || r.n_trims > SCHEMA_TRIMS_MAX)
		return err_set(TT_ECORRUPT, "inode %" PRIu64 ": unknown flags",
			       st.ino);
	st.is_inline = r.flags & SCHEMA_INLINE;
	st.block_shift = r.block_shift;
	st.n_trims = r.n_trims;
	st.mode = le32_get(r.mode);
	st.uid = le32_get(r.uid);
	st.gid = le32_get(r.gid);
	st.rdev = le64_get(r.rdev);
	st.size = le64_get(r.size);
	st.n_blocks = le64_get(r.n_blocks);
	st.atime_ns = (int64_t)le64_get(r.atime_ns);
	st.mtime_ns = (int64_t)le64_get(r.mtime_ns);
	st.ctime_ns = (int64_t)le64_get(r.ctime_ns);
	st.btime_ns = (int64_t)le64_get(r.btime_ns);
	st.nlink = le32_get(r.nlink);
	st.gen = le32_get(r.gen);
	st.parent = state_is_dir(&st)	 ? le64_get(r.parent)
		    : home == HOME_ENTRY ? parent
					 : 0;
	st.n_xattrs = le32_get(r.n_xattrs);
	st.version = ts;
	st.home = (uint8_t)home;
	if (decode_trims(&rest, &st) < 0)
		return err_set(TT_ECORRUPT, "inode %" PRIu64 ": row too short",
			       st.ino);
	why = state_wrong(&st, rest.len);
	if (why)
		return err_set(TT_ECORRUPT, "inode %" PRIu64 ": %s", st.ino,
			       why);
	st.tail_len = state_is_dir(&st) ? 0 : (uint32_t)rest.len;
	*out = st;
	if (tail)
		*tail = rest;
	return 0;
}

bool state_is_garbage(const struct inode_state *st, uint64_t block,
		      uint32_t gen)
{
	for (unsigned i = 0; i < st->n_trims; i++) {
		const struct inode_trim *t = &st->trims[i];

		if (block >= t->from && block < t->to && gen < t->gen)
			return true;
	}
	return false;
}

void state_attr(const struct inode_state *st, struct tree_attr *out)
{
	*out = (struct tree_attr){
		.ino = st->ino,
		.size = state_is_dir(st) ? DIR_SIZE : st->size,
		.mode = st->mode,
		.nlink = st->nlink,
		.uid = st->uid,
		.gid = st->gid,
		.rdev = st->rdev,
		.atime = ns_to_timespec(st->atime_ns),
		.mtime = ns_to_timespec(st->mtime_ns),
		.ctime = ns_to_timespec(st->ctime_ns),
		.btime = ns_to_timespec(st->btime_ns),
		.version = st->version,
	};
	if (st->is_inline)
		out->blocks = (st->tail_len + 511u) / 512u;
	else
		out->blocks = st->n_blocks << (st->block_shift - 9);
}

int64_t ns_from_timespec(const struct timespec *ts)
{
	if (ts->tv_sec >= INT64_MAX / NS)
		return INT64_MAX / NS * NS - 1;
	if (ts->tv_sec <= INT64_MIN / NS)
		return INT64_MIN / NS * NS;
	return ts->tv_sec * NS + ts->tv_nsec;
}

struct timespec ns_to_timespec(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / NS, .tv_nsec = ns % NS };

	if (ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += NS;
	}
	return ts;
}

int link_rec_decode(struct tt_slice row, uint64_t *ino, uint32_t *type)
{
	struct schema_link l;

	if (row.len != sizeof(l) || slice_bytes(row)[0] != SCHEMA_HEAD_LINK)
		return err_set(TT_ECORRUPT,
			       "directory entry of unknown layout");
	memcpy(&l, row.data, sizeof(l));
	*ino = le64_get(l.ino);
	*type = (uint32_t)l.type << 12;
	if (*ino == 0 || !type_is_known(*type))
		return err_set(TT_ECORRUPT, "directory entry names no inode");
	return 0;
}

void link_rec_encode(uint64_t ino, uint32_t mode, struct schema_link *out)
{
	out->head = SCHEMA_HEAD_LINK;
	out->type = (uint8_t)((mode & S_IFMT) >> 12);
	out->ino = le64_make(ino);
}

bool entry_row_is_inode(struct tt_slice row)
{
	return row.len && slice_bytes(row)[0] == SCHEMA_HEAD_INODE;
}
