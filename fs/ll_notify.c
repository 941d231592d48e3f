/* SPDX-License-Identifier: MIT */
/*
 * Two ways to make the kernel forget a name.
 *
 * Since Linux 6.16 one notice makes it look up every name again when it is
 * next used (its "epoch"). It takes no lock, so it is what we use: the price
 * is a LOOKUP per name in use, once per change set.
 *
 * Older kernels are told name by name. That notice waits for the directory's
 * lock, uninterruptibly: should we be killed meanwhile, the thread that waits
 * keeps the session alive for the very request it waits for, and the mount
 * hangs until somebody forces it (mount_point.c does, at the next start).
 *
 * The queue is two buffers of fixed size: callers fill one, the thread works
 * off the other, and they swap. When one is full the caller waits for the
 * next swap. That wait ends: the thread waits for requests of the mount at
 * most, and no request waits for the port. Nothing is ever lost.
 */
#include "fs/ll_notify.h"

#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/mutex.h"
#include "fs/ll.h"

#define QUEUE_BYTES (256u << 10)
#define DIR_SLOTS 16384u /* a power of two */
#define DIRS_MAX (DIR_SLOTS / 4 * 3)
#define KNOWN_WORDS 1024u /* a power of two; 64 bits each */
#define SETTLE_NS UINT64_C(1000000000)
#define RECENT_SLOTS 1024u /* a power of two */
#define HOT_NS UINT64_C(10000000000)
#define LINGER_NS UINT64_C(200000000)

#define PRUNE_MAX 512u

/* Codes of notices, not yet in every <linux/fuse.h>. */
#define NOTIFY_INC_EPOCH 8
#define NOTIFY_PRUNE 9

struct prune {
	struct fuse_out_header h;
	/* the kernel's fuse_notify_prune_out */
	uint32_t count, padding;
	uint64_t spare;
	uint64_t inos[PRUNE_MAX];
};

struct record {
	uint64_t ino;
	uint32_t name_len; /* NO_NAME: the inode itself */
};
#define NO_NAME UINT32_MAX

struct pending {
	uint8_t bytes[QUEUE_BYTES]; /* struct record, name, … */
	size_t len;
	size_t last;	 /* offset of the record added last */
	bool any_name;	 /* all names are to be looked up again … */
	bool any_listed; /* … once listings on their way have arrived */
	uint64_t listed[RECENT_SLOTS / 64]; /* whose slots these are */
	uint64_t dirs[DIR_SLOTS]; /* hash set of inode numbers; 0 is free */
	size_t n_dirs;
};

struct ll_notify {
	/* set at birth, then constant */
	struct counters *counters;

	/* set before the thread starts, then constant */
	struct fuse_session *se;
	struct tree *tree;
	bool has_epoch, has_prune;

	/*
	 * Bit of a directory's number: the kernel may know names in it. Set by
	 * request threads before they read the tree, tested by writers after
	 * their commit, both sequentially consistent: a reader that saw the
	 * tree before the commit has set the bit before the test.
	 */
	_Atomic uint64_t known[KNOWN_WORDS];

	/*
	 * By hash of the directory: when names last changed through the port;
	 * how many listings with inodes are on their way into the kernel,
	 * and when the last of them was sent. Writers store changed_ns and
	 * then read n_out, who lists counts up n_out and then reads
	 * changed_ns, sequentially consistent: one of them sees the other.
	 */
	struct {
		_Atomic uint64_t changed_ns, sent_ns;
		_Atomic uint32_t n_out;
	} recent[RECENT_SLOTS];
	/* The thread waits for an n_out to become 0. It stores and then reads
	 * n_out; who counts down reads it afterwards; as above. */
	_Atomic bool lingers;
	/* Set by handlers, cleared by the thread; read by both. Only who sets
	 * it takes the lock, and signals. */
	_Atomic bool is_crowded;

	struct mutex mu; /* RANK_FS; never held across a notice */
	struct cond work, room, done;
	/* guarded by mu */
	struct pending *fill;
	bool runs, stops;
	uint64_t n_queued, n_done;

	/* owned by the thread */
	struct pending *drain;
	pthread_t thread;
};

int ll_notify_new(struct counters *counters, struct ll_notify **out)
{
	struct ll_notify *n = calloc(1, sizeof(*n));

	if (!n)
		return err_nomem("kernel notifier");
	n->fill = calloc(1, sizeof(*n->fill));
	n->drain = calloc(1, sizeof(*n->drain));
	if (!n->fill || !n->drain) {
		free(n->fill);
		free(n->drain);
		free(n);
		return err_nomem("kernel notifier");
	}
	n->counters = counters;
	mutex_init(&n->mu, RANK_FS);
	cond_init(&n->work);
	cond_init(&n->room);
	cond_init(&n->done);
	*out = n;
	return 0;
}

void ll_notify_free(struct ll_notify *n)
{
	if (!n)
		return;
	assert(!n->runs);
	cond_fini(&n->done);
	cond_fini(&n->room);
	cond_fini(&n->work);
	mutex_fini(&n->mu);
	free(n->fill);
	free(n->drain);
	free(n);
}

/* ---- what the kernel may know ------------------------------------------ */

static _Atomic uint64_t *known_word(struct ll_notify *n, uint64_t ino,
				    uint64_t *mask)
{
	uint64_t h = hash_u64(ino);

	*mask = UINT64_C(1) << (h & 63);
	return &n->known[(h >> 6) & (KNOWN_WORDS - 1)];
}

void ll_notify_will_know(struct ll_notify *n, uint64_t parent)
{
	uint64_t mask;
	_Atomic uint64_t *w = known_word(n, parent, &mask);

	if (!(atomic_load(w) & mask))
		atomic_fetch_or(w, mask);
}

static bool may_know(struct ll_notify *n, uint64_t parent)
{
	uint64_t mask;
	_Atomic uint64_t *w = known_word(n, parent, &mask);

	return atomic_load(w) & mask;
}

/* ---- listings ------------------------------------------------------------ */

/* From a handler: waits for nothing. Kernels without epochs need it not, their
 * notice waits for listings by itself. */
static void names_again(struct ll_notify *n)
{
	mutex_lock(&n->mu);
	if (n->runs && n->has_epoch) {
		n->fill->any_name = true;
		n->n_queued++;
		cond_signal(&n->work);
	}
	mutex_unlock(&n->mu);
}

/*
 * A READDIRPLUS leaves names behind that count as new from the moment the
 * kernel takes them in, though we have read them earlier. So a change waits
 * for listings that were sent before it. That the kernel has them is told by
 * the next request on the handle, most often at once; who sits on an answer is
 * waited for until LINGER_NS have passed since it was sent. Should it not have
 * arrived by then, names are told anew when it has.
 *
 * In a directory that has changed lately listings tell no inodes at all. To
 * give them for one use only (a time-out of 0) is not enough: the listing
 * makes an old name count as new, and a LOOKUP of it that was answered before
 * the change, and arrives after the listing, then makes it last.
 */
static bool is_within(uint64_t then, uint64_t now, uint64_t ns)
{
	/* another thread's "then" may be newer than our "now" */
	return then && (then > now || now - then < ns);
}

static size_t slot_of(uint64_t dir)
{
	return hash_u64(dir) & (RECENT_SLOTS - 1);
}

bool ll_notify_list_begin(struct ll_notify *n, struct ll_listing *l,
			  uint64_t dir)
{
	uint64_t then = atomic_load(&n->recent[slot_of(dir)].changed_ns);

	assert(!l->is_out);
	l->dir = dir;
	l->begun_ns = mono_ns();
	return !is_within(then, l->begun_ns, HOT_NS);
}

/* Whether names have changed since the tree was read, or just before. */
static bool has_changed(struct ll_notify *n, const struct ll_listing *l)
{
	size_t i = slot_of(l->dir);

	return atomic_load(&n->recent[i].changed_ns) >= l->begun_ns;
}

/* Counts down; wakes the thread when it may wait for that. */
static void arrived(struct ll_notify *n, size_t slot)
{
	if (atomic_fetch_sub(&n->recent[slot].n_out, 1) != 1 ||
	    !atomic_load(&n->lingers))
		return;
	mutex_lock(&n->mu);
	cond_signal(&n->work);
	mutex_unlock(&n->mu);
}

bool ll_notify_list_send(struct ll_notify *n, struct ll_listing *l)
{
	size_t i = slot_of(l->dir);

	atomic_store(&n->recent[i].sent_ns, mono_ns());
	atomic_fetch_add(&n->recent[i].n_out, 1);
	l->is_out = !has_changed(n, l);
	if (!l->is_out)
		arrived(n, i);
	return l->is_out;
}

void ll_notify_list_taken(struct ll_notify *n, struct ll_listing *l)
{
	if (!l->is_out)
		return;
	l->is_out = false;
	if (has_changed(n, l))
		names_again(n);
	arrived(n, slot_of(l->dir));
}

static bool is_out(struct ll_notify *n, size_t slot, uint64_t now)
{
	return atomic_load(&n->recent[slot].n_out) &&
	       is_within(atomic_load(&n->recent[slot].sent_ns), now, LINGER_NS);
}

/* The slot of a listing that may bring back what has changed just now, or
 * RECENT_SLOTS. */
static size_t note_change(struct ll_notify *n, uint64_t dir)
{
	size_t i = slot_of(dir);
	uint64_t now = mono_ns();
	uint64_t then = atomic_load(&n->recent[i].changed_ns);

	/* Never backwards, or a listing could miss the newer change. */
	while (then < now && !atomic_compare_exchange_weak(
				     &n->recent[i].changed_ns, &then, now))
		;
	return is_out(n, i, now) ? i : RECENT_SLOTS;
}

/* ---- filling ------------------------------------------------------------ */

/* False when the set is full and does not hold `ino`. */
static bool dirs_add(struct pending *p, uint64_t ino)
{
	size_t i = hash_u64(ino) & (DIR_SLOTS - 1);

	while (p->dirs[i] && p->dirs[i] != ino)
		i = (i + 1) & (DIR_SLOTS - 1);
	if (p->dirs[i] == ino)
		return true;
	if (p->n_dirs == DIRS_MAX)
		return false;
	p->dirs[i] = ino;
	p->n_dirs++;
	return true;
}

static bool is_last(const struct pending *p, const struct record *rec,
		    const void *name, size_t name_len)
{
	struct record last;

	if (!p->len)
		return false;
	memcpy(&last, p->bytes + p->last, sizeof(last));
	return last.ino == rec->ino && last.name_len == rec->name_len &&
	       (!name_len ||
		!memcmp(p->bytes + p->last + sizeof(last), name, name_len));
}

/* False when it does not fit. */
static bool add(struct pending *p, const struct record *rec, const void *name,
		bool has_epoch)
{
	size_t name_len = rec->name_len == NO_NAME ? 0 : rec->name_len;

	if (has_epoch && name_len) {
		p->any_name = true;
		return dirs_add(p, rec->ino);
	}
	if (is_last(p, rec, name, name_len))
		return true;
	if (QUEUE_BYTES - p->len < sizeof(*rec) + name_len)
		return false;
	p->last = p->len;
	memcpy(p->bytes + p->len, rec, sizeof(*rec));
	p->len += sizeof(*rec);
	if (name_len)
		memcpy(p->bytes + p->len, name, name_len);
	p->len += name_len;
	return true;
}

static void enqueue(struct ll_notify *n, const struct record *rec,
		    const void *name, size_t listed)
{
	mutex_lock(&n->mu);
	while (n->runs && !n->stops && !add(n->fill, rec, name, n->has_epoch))
		cond_wait(&n->room, &n->mu);
	if (n->runs && !n->stops) {
		n->n_queued++;
		if (listed < RECENT_SLOTS) {
			n->fill->any_listed = true;
			n->fill->listed[listed / 64] |= UINT64_C(1)
							<< listed % 64;
		}
		cond_signal(&n->work);
	}
	mutex_unlock(&n->mu);
}

static void entry_changed(void *arg, uint64_t parent, struct tt_slice name)
{
	struct ll_notify *n = arg;
	struct record rec = { .ino = parent, .name_len = (uint32_t)name.len };

	if (may_know(n, parent))
		enqueue(n, &rec, name.data, note_change(n, parent));
	else
		counter_inc(n->counters, LL_NOTICE_UNKNOWN);
}

static void inode_changed(void *arg, uint64_t ino)
{
	struct record rec = { .ino = ino, .name_len = NO_NAME };

	enqueue(arg, &rec, NULL, RECENT_SLOTS);
}

static void changes_told(void *arg)
{
	struct ll_notify *n = arg;
	uint64_t deadline = 0, until;
	bool in_time = true;

	mutex_lock(&n->mu);
	until = n->n_queued;
	while (n->runs && !n->stops && n->n_done < until && in_time) {
		if (!deadline)
			deadline = mono_ns() + SETTLE_NS;
		in_time = cond_wait_until(&n->done, &n->mu, deadline);
	}
	mutex_unlock(&n->mu);
	if (!in_time)
		counter_inc(n->counters, LL_NOTICE_LATE);
}

struct tree_listener ll_notify_listener(struct ll_notify *n)
{
	return (struct tree_listener){
		.entry_changed = entry_changed,
		.inode_changed = inode_changed,
		.changes_told = changes_told,
		.arg = n,
	};
}

/* ---- telling ------------------------------------------------------------ */

/*
 * The results of notices are ignored throughout: -ENOENT says that the kernel
 * does not know what it was to forget, anything else that it is going away.
 */
static void tell_entry(struct ll_notify *n, uint64_t parent, const char *name,
		       size_t name_len)
{
	counter_inc(n->counters, LL_NOTICE_ENTRIES);
	(void)fuse_lowlevel_notify_inval_entry(n->se, parent, name, name_len);
}

/* Attributes only: the port changes no contents, it replaces inodes. Dropping
 * pages could wait for a READ. */
static void tell_inode(struct ll_notify *n, uint64_t ino)
{
	counter_inc(n->counters, LL_NOTICE_INODES);
	(void)fuse_lowlevel_notify_inval_inode(n->se, ino, -1, 0);
}

/* Attributes and the cached listing. No request is under way while a page of
 * a listing is locked. */
static void tell_dir(struct ll_notify *n, uint64_t ino)
{
	counter_inc(n->counters, LL_NOTICE_INODES);
	(void)fuse_lowlevel_notify_inval_inode(n->se, ino, 0, 0);
}

/* libfuse 3.14 has no call for it. -1 when the kernel does not know it. */
static int tell_epoch(struct ll_notify *n)
{
	struct fuse_out_header h = { .len = sizeof(h),
				     .error = NOTIFY_INC_EPOCH };

	return write(fuse_session_fd(n->se), &h, sizeof(h)) < 0 ? -1 : 0;
}

static void tell_names(struct ll_notify *n)
{
	counter_inc(n->counters, LL_NOTICE_EPOCHS);
	(void)tell_epoch(n);
}

static int tell_prune(struct ll_notify *n, struct prune *p, size_t count)
{
	size_t len = offsetof(struct prune, inos) + count * sizeof(*p->inos);

	p->h = (struct fuse_out_header){ .len = (uint32_t)len,
					 .error = NOTIFY_PRUNE };
	p->count = (uint32_t)count;
	p->padding = 0;
	p->spare = 0;
	return write(fuse_session_fd(n->se), p, len) < 0 ? -1 : 0;
}

static void tell_records(struct ll_notify *n, const struct pending *p)
{
	uint64_t dir = 0; /* whose listing and times are still to be dropped */
	size_t at = 0;

	while (at < p->len) {
		struct record rec;

		memcpy(&rec, p->bytes + at, sizeof(rec));
		at += sizeof(rec);
		if (rec.name_len == NO_NAME) {
			if (rec.ino != dir)
				tell_inode(n, rec.ino);
			continue;
		}
		if (dir && rec.ino != dir)
			tell_dir(n, dir);
		tell_entry(n, rec.ino, (const char *)p->bytes + at,
			   rec.name_len);
		at += rec.name_len;
		dir = rec.ino;
	}
	if (dir)
		tell_dir(n, dir);
}

static void tell_all(struct ll_notify *n, struct pending *p)
{
	if (p->any_name)
		tell_names(n);
	tell_records(n, p);
	for (size_t i = 0; p->n_dirs && i < DIR_SLOTS; i++) {
		if (!p->dirs[i])
			continue;
		tell_dir(n, p->dirs[i]);
		p->dirs[i] = 0;
		p->n_dirs--;
	}
	p->len = 0;
	p->any_name = false;
	p->any_listed = false;
	memset(p->listed, 0, sizeof(p->listed));
}

static bool is_any_out(struct ll_notify *n, const struct pending *p)
{
	uint64_t now = mono_ns();

	for (size_t w = 0; w < ARRAY_LEN(p->listed); w++)
		for (uint64_t left = p->listed[w]; left; left &= left - 1)
			if (is_out(n, 64 * w + (size_t)__builtin_ctzll(left),
				   now))
				return true;
	return false;
}

/* Until listings that were on their way have been taken in by the kernel. */
static void linger(struct ll_notify *n, const struct pending *p)
{
	uint64_t deadline = mono_ns() + LINGER_NS;
	bool in_time = true;

	mutex_lock(&n->mu);
	atomic_store(&n->lingers, true);
	while (!n->stops && in_time && is_any_out(n, p))
		in_time = cond_wait_until(&n->work, &n->mu, deadline);
	atomic_store(&n->lingers, false);
	mutex_unlock(&n->mu);
}

/* What the kernel no longer holds it forgets by messages of its own. Those
 * that are open, or have children in use, it keeps. */
static void relieve(struct ll_notify *n)
{
	struct prune p;
	size_t count;

	/* before the tree is asked: who comes later sets it again */
	atomic_store(&n->is_crowded, false);
	count = tree_idle_inodes(n->tree, p.inos, PRUNE_MAX);
	if (!count)
		return;
	counter_add(n->counters, LL_NOTICE_PRUNED, count);
	(void)tell_prune(n, &p, count);
	atomic_store(&n->is_crowded, true);
}

/* Takes over what is queued, tells it, and says so. */
static void work_off_locked(struct ll_notify *n) REQUIRES(n->mu)
{
	struct pending *p = n->fill;
	uint64_t upto = n->n_queued;

	mutex_assert_held(&n->mu);
	n->fill = n->drain;
	n->drain = p;
	cond_broadcast(&n->room);
	mutex_unlock(&n->mu);
	if (p->any_name && p->any_listed) {
		counter_inc(n->counters, LL_NOTICE_LINGERS);
		linger(n, p);
	}
	tell_all(n, p);
	mutex_lock(&n->mu);
	n->n_done = upto;
	cond_broadcast(&n->done);
}

static void *run(void *arg)
{
	struct ll_notify *n = arg;

	mutex_lock(&n->mu);
	while (!n->stops) {
		if (n->n_queued != n->n_done) {
			work_off_locked(n);
		} else if (atomic_load(&n->is_crowded)) {
			mutex_unlock(&n->mu);
			relieve(n);
			mutex_lock(&n->mu);
		} else {
			cond_wait(&n->work, &n->mu);
		}
	}
	mutex_unlock(&n->mu);
	return NULL;
}

void ll_notify_crowded(struct ll_notify *n)
{
	if (!n->has_prune || atomic_load(&n->is_crowded) ||
	    atomic_exchange(&n->is_crowded, true))
		return;
	mutex_lock(&n->mu);
	cond_signal(&n->work);
	mutex_unlock(&n->mu);
}

int ll_notify_start(struct ll_notify *n, struct fuse_session *se,
		    struct tree *tree)
{
	struct prune none;
	int r;

	n->se = se;
	n->tree = tree;
	n->has_epoch = tell_epoch(n) == 0;
	n->has_prune = tell_prune(n, &none, 0) == 0;
	n->runs = true;
	r = pthread_create(&n->thread, NULL, run, n);
	if (r) {
		n->runs = false;
		return err_errno(r, "cannot start the notifier thread");
	}
	(void)pthread_setname_np(n->thread, "fs-notify");
	return 0;
}

void ll_notify_stop(struct ll_notify *n)
{
	mutex_lock(&n->mu);
	if (!n->runs) {
		mutex_unlock(&n->mu);
		return;
	}
	n->stops = true;
	cond_broadcast(&n->work);
	cond_broadcast(&n->room);
	cond_broadcast(&n->done);
	mutex_unlock(&n->mu);
	(void)pthread_join(n->thread, NULL);
	n->runs = false;
}
