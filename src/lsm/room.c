/* SPDX-License-Identifier: MIT */
#include "lsm/room.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "lsm/pace.h"
#include "lsm/schedule.h"

/* The brake at full debt: 4 MiB a second still pass. */
#define BRAKE_MAX 250000u /* ns per KiB */
/* The brake while an immutable one waits, when the active one is full: somewhat
 * slower than a flush works. */
#define BRAKE_IMMUTABLE 20000u /* ns per KiB */
/* Shorter waits cost more than they delay. */
#define WAIT_LEAST_NS 100000u
#define WAIT_MOST_NS 20000000u
/* A separated value, which may be as many bytes as a thousand other writes,
 * waits longer, and by itself. */
#define WAIT_VALUES_NS 1000000000ull

/* Steps over deleted keys that cost about as much as a flush, 15 ms or so. */
#define DEAD_STEPS_MOST (256u << 10)
/* A memtable of less than this part of its size is not flushed for that. */
#define DEAD_LEAST_PART 64

/* Full debt: this many times the soft limit. */
#define HARD_FACTOR 4

/* A flush handles the values behind pointers this many times as fast as
 * records. */
#define VALUE_FEE 16

/* A memtable is full as well when its pointers name this many times its bytes
 * in value files: overwritten values must be found out in time. */
#define VALUE_FACTOR 4

/* The square of how far `x` is from soft to hard, times `most`. */
static uint64_t slope(uint64_t x, uint64_t soft, uint64_t hard, uint64_t most)
{
	double f;

	if (x <= soft)
		return 0;
	if (x >= hard)
		return most;
	f = (double)(x - soft) / (double)(hard - soft);
	return (uint64_t)(f * f * (double)most);
}

uint32_t room_brake(uint32_t n_l0, uint32_t l0_trigger, uint64_t debt_bytes,
		    uint64_t debt_soft)
{
	uint64_t a = slope(n_l0, 2 * l0_trigger, 2 * HARD_FACTOR * l0_trigger,
			   BRAKE_MAX);
	uint64_t b = slope(debt_bytes, debt_soft, HARD_FACTOR * debt_soft,
			   BRAKE_MAX);

	return (uint32_t)MAX_OF(a, b);
}

uint64_t room_debt_soft(const struct tt *db)
{
	return 32 * (uint64_t)db->cfg.memtable_bytes;
}

bool room_is_braking(const struct tt *db)
{
	/* 1: only to have the leader look. */
	return atomic_load_explicit(&db->brake, memory_order_relaxed) > 1;
}

void room_update_locked(struct tt *db)
{
	const struct version *v = db->sv->version;
	struct value_garbage garbage;
	uint32_t brake;

	mutex_assert_held(&db->mu);
	brake = room_brake(v->n_l0, db->cfg.l0_trigger,
			   compaction_debt(&db->picker, v), room_debt_soft(db));
	value_gc_look_locked(db, &garbage);
	db->value_brake = (uint32_t)slope(garbage.bytes, garbage.allowed,
					  garbage.allowed / 2 * 3, BRAKE_MAX);
	if (db->value_brake)
		brake = MAX_OF(brake, 1);
	if (db->n_imms >= MAX_IMMUTABLES)
		brake = MAX_OF(brake, 1); /* look at the fill of the active */
	if (db->err.code)
		brake = MAX_OF(brake, 1);
	atomic_store_explicit(&db->brake, brake, memory_order_relaxed);
}

/* ---- switching -------------------------------------------------------- */

static int push_immutable_locked(struct tt *db, uint64_t log_end)
{
	if (db->n_imms == db->cap_imms) {
		uint32_t cap = db->cap_imms ? 2 * db->cap_imms : 4;
		struct immutable *p =
			realloc(db->imms, cap * sizeof(*db->imms));

		if (!p)
			return err_nomem("immutable memtables");
		db->imms = p;
		db->cap_imms = cap;
	}
	db->imms[db->n_imms++] = (struct immutable){
		.mem = memtable_ref(db->active),
		.log_end = log_end,
		.no = db->next_imm_no++,
	};
	return 0;
}

static int switch_locked(struct tt *db, struct memtable *fresh,
			 struct superversion **old) REQUIRES(db->mu)
{
	int r = push_immutable_locked(db, wal_end(db->wal));

	if (r < 0)
		return r;
	/* Before the first iterator over it. */
	atomic_store_explicit(&db->active_since, clock_visible(&db->clk),
			      memory_order_relaxed);
	*old = db_install_locked(db, fresh, db->sv->version);
	if (!*old) {
		db->n_imms--;
		db->next_imm_no--;
		memtable_unref(db->imms[db->n_imms].mem);
		return err_nomem("superversion");
	}
	db->active = fresh;
	atomic_store_explicit(&db->dead_steps, 0, memory_order_relaxed);
	db_count(db, STAT_MEMTABLE_SWITCHES, 1);
	pace_note_switch_locked(db, db->imms[db->n_imms - 1].mem);
	room_update_locked(db);
	schedule_locked(db);
	return 0;
}

int room_switch(struct tt *db)
{
	struct superversion *old = NULL;
	struct memtable *fresh;
	int r;

	if (memtable_count(db->active) == 0)
		return TT_END;
	r = memtable_new(&fresh);
	if (r < 0)
		return r;
	memtable_use_values(fresh, db->values);
	mutex_lock(&db->mu);
	r = db->n_imms >= MAX_IMMUTABLES ? -EAGAIN
					 : switch_locked(db, fresh, &old);
	mutex_unlock(&db->mu);
	db_retire(old);
	memtable_unref(fresh); /* the superversion has its own */
	return r;
}

/* ---- waiting ---------------------------------------------------------- */

bool room_is_full(const struct db_config *c, const struct memtable *m,
		  size_t bytes, uint64_t value_bytes)
{
	return memtable_count(m) != 0 &&
	       (memtable_bytes(m) + bytes > c->memtable_bytes ||
		memtable_value_bytes(m) + value_bytes >
			VALUE_FACTOR * (uint64_t)c->memtable_bytes);
}

/*
 * How much a KiB of records and one of separated values owe, ns. Tables weigh
 * as much as their records and the values that they keep, so debt slows both
 * alike; a flush only makes sure that values are on the disk, which was writing
 * them all the time; and garbage is the business of values alone.
 */
struct rates {
	uint64_t records, values;
};

static struct rates rates_locked(const struct tt *db)
{
	const struct memtable *m = db->sv->active;
	uint64_t debt = atomic_load_explicit(&db->brake, memory_order_relaxed);
	uint64_t used = MAX_OF((uint64_t)memtable_bytes(m),
			       memtable_value_bytes(m) / VALUE_FACTOR);
	uint64_t limit = db->cfg.memtable_bytes, flush = 0;

	if (db->n_imms >= MAX_IMMUTABLES)
		flush = slope(used, limit / 4, limit, BRAKE_IMMUTABLE);
	return (struct rates){
		.records = MAX_OF(debt, flush),
		.values = MAX_OF(debt,
				 MAX_OF(flush / VALUE_FEE, db->value_brake)),
	};
}

static void count_stall(struct tt *db, uint64_t since_ns)
{
	db_count(db, STAT_STALLS, 1);
	db_count(db, STAT_STALL_US, (mono_ns() - since_ns) / 1000);
}

/* Waits what is owed, or until things have changed. */
static void pay_locked(struct tt *db) REQUIRES(db->mu)
{
	uint64_t now = mono_ns();
	uint64_t owed = MIN_OF(db->owed_ns, (uint64_t)WAIT_MOST_NS);

	(void)cond_wait_until(&db->changed, &db->mu, now + owed);
	db->owed_ns = 0;
	count_stall(db, now);
}

/* Waits until the active memtable may become immutable. */
static int wait_for_flush_locked(struct tt *db) REQUIRES(db->mu)
{
	uint64_t since = mono_ns();
	bool waited = false;
	int r = 0;

	while (r == 0 && db->n_imms >= MAX_IMMUTABLES) {
		r = db_check_locked(db);
		if (r == 0) {
			waited = true;
			cond_wait(&db->changed, &db->mu);
		}
	}
	if (waited)
		count_stall(db, since);
	return r;
}

/* Short of space, the memtable may still be filled. */
static int refuse_locked(struct tt *db, bool is_full) REQUIRES(db->mu)
{
	int r = db_check_locked(db);

	return db->is_short_of_space && !is_full ? 0 : r;
}

/*
 * Waits for the turn of a separated value. Who comes meanwhile has his turn
 * after it: so all together are no faster than one. When there is less debt, or
 * none, the rest of the wait is shorter, or over.
 */
static void pay_for_value_locked(struct tt *db, uint64_t since, uint64_t due)
	REQUIRES(db->mu)
{
	uint64_t now = since, rate = rates_locked(db).values;

	db->values_due_ns = due;
	while (now < due && !db->err.code) {
		uint64_t then = rate;

		(void)cond_wait_until(&db->changed, &db->mu,
				      MIN_OF(due, now + WAIT_MOST_NS));
		now = mono_ns();
		rate = MIN_OF(then, rates_locked(db).values);
		due = since + (due - since) * rate / MAX_OF(then, 1u);
		db->values_due_ns = MIN_OF(db->values_due_ns, MAX_OF(due, now));
	}
	count_stall(db, since);
}

static int enter_locked(struct tt *db, uint64_t value_bytes, bool no_wait)
	REQUIRES(db->mu)
{
	uint64_t now = mono_ns(), due;
	int r = refuse_locked(db, room_is_full(&db->cfg, db->sv->active, 0,
					       value_bytes));

	if (r < 0)
		return r;
	due = MAX_OF(db->values_due_ns, now) +
	      rates_locked(db).values * value_bytes / 1024;
	due = MIN_OF(due, now + WAIT_VALUES_NS);
	if (due - now < WAIT_LEAST_NS)
		db->values_due_ns = due;
	else if (no_wait)
		r = err_set(-EAGAIN, "would wait for room");
	else
		pay_for_value_locked(db, now, due);
	return r;
}

int room_enter(struct tt *db, uint64_t value_bytes, bool no_wait)
{
	int r;

	if (likely(!atomic_load_explicit(&db->brake, memory_order_relaxed)))
		return 0;
	mutex_lock(&db->mu);
	r = enter_locked(db, value_bytes, no_wait);
	mutex_unlock(&db->mu);
	return r;
}

static int make_slowly(struct tt *db, size_t bytes, uint64_t value_bytes,
		       bool no_wait)
{
	bool is_full = room_is_full(&db->cfg, db->active, bytes, value_bytes);
	int r;

	mutex_lock(&db->mu);
	r = refuse_locked(db, is_full);
	if (r == 0) {
		uint64_t fee = rates_locked(db).records * bytes / 1024;

		db->owed_ns += fee;
		if (db->owed_ns >= WAIT_LEAST_NS && no_wait) {
			db->owed_ns -= fee; /* charged when it comes again */
			r = -EAGAIN;
		} else if (db->owed_ns >= WAIT_LEAST_NS) {
			pay_locked(db);
		}
	}
	if (r == 0 && is_full && db->n_imms >= MAX_IMMUTABLES)
		r = no_wait ? -EAGAIN : wait_for_flush_locked(db);
	mutex_unlock(&db->mu);
	return r;
}

static bool is_littered(const struct tt *db)
{
	return atomic_load_explicit(&db->dead_steps, memory_order_relaxed) >=
	       DEAD_STEPS_MOST;
}

/* Flushes what iterators stumble over, if it is enough and there is room;
 * else they go on for as long again. */
static void switch_littered(struct tt *db)
{
	atomic_store_explicit(&db->dead_steps, 0, memory_order_relaxed);
	if (memtable_bytes(db->active) <
	    db->cfg.memtable_bytes / DEAD_LEAST_PART)
		return;
	if (room_switch(db) == 0)
		db_count(db, STAT_LITTERED_SWITCHES, 1);
}

int room_make(void *arg, size_t bytes, uint64_t value_bytes, bool no_wait,
	      struct memtable **out)
{
	struct tt *db = arg;
	bool is_full = room_is_full(&db->cfg, db->active, bytes, value_bytes);
	int r = 0;

	if (unlikely(is_littered(db))) {
		switch_littered(db);
		is_full =
			room_is_full(&db->cfg, db->active, bytes, value_bytes);
	}
	if (unlikely(is_full ||
		     atomic_load_explicit(&db->brake, memory_order_relaxed))) {
		r = make_slowly(db, bytes, value_bytes, no_wait);
		if (r == 0 &&
		    room_is_full(&db->cfg, db->active, bytes, value_bytes))
			r = room_switch(db);
	}
	if (r < 0)
		return r;
	*out = db->active;
	return 0;
}
