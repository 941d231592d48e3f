/* SPDX-License-Identifier: MIT */
#include "lsm/pace.h"

#include "lsm/room.h"

#define NS_PER_S 1000000000ull
/* Without writes, what is left takes so long. */
#define IDLE_S 10
/* Slower saves nobody anything. */
#define RATE_LEAST ((uint64_t)32 << 20)
/* A flush takes at most so long. */
#define FLUSH_NS (NS_PER_S / 2)
/* Two flushes closer than this were asked for. */
#define INGEST_LEAST_NS (NS_PER_S / 1000)

uint64_t pace_compaction_rate(const struct pace_state *s)
{
	/* What may still be flushed before the brake begins. */
	uint64_t l0_free =
		2 * s->l0_trigger > s->n_l0 ? 2 * s->l0_trigger - s->n_l0 : 0;
	uint64_t debt_free =
		s->debt_soft > s->debt_bytes ? s->debt_soft - s->debt_bytes : 0;
	uint64_t slack = MIN_OF(l0_free * s->flush_bytes, debt_free);
	double rate = (double)s->work_bytes / IDLE_S;

	if (2 * l0_free <= s->l0_trigger || 2 * debt_free <= s->debt_soft ||
	    slack == 0)
		return 0;
	rate = MAX_OF(rate, 4.0 * (double)s->ingest * (double)s->work_bytes /
				    (double)slack);
	return MAX_OF((uint64_t)rate, RATE_LEAST);
}

static bool is_urgent_locked(const struct tt *db)
{
	return db->manual || db->n_flush_waits || db->err.code ||
	       room_is_braking(db) ||
	       atomic_load_explicit(&db->is_closing, memory_order_relaxed);
}

static uint64_t compaction_rate_locked(struct tt *db)
{
	const struct version *v = db->sv->version;
	struct pace_state s = {
		.n_l0 = v->n_l0,
		.l0_trigger = db->cfg.l0_trigger,
		.debt_bytes = compaction_debt(&db->picker, v),
		.debt_soft = room_debt_soft(db),
		.work_bytes = compaction_work(&db->picker, v),
		.flush_bytes = MAX_OF(db->cfg.memtable_bytes, db->flush_weight),
		.ingest = db->ingest,
	};

	return is_urgent_locked(db) ? 0 : pace_compaction_rate(&s);
}

static uint64_t flush_rate_locked(struct tt *db)
{
	uint64_t least = db->cfg.memtable_bytes * (NS_PER_S / FLUSH_NS);

	if (is_urgent_locked(db) || db->n_imms >= MAX_IMMUTABLES)
		return 0;
	return MAX_OF(2 * db->ingest, least);
}

/* Waits for the turn of `bytes`, or until there is no limit any more. */
static void pace(struct tt *db, size_t bytes, uint64_t *due_ns,
		 uint64_t (*rate_locked)(struct tt *db))
{
	uint64_t since = mono_ns(), now = since, rate;

	mutex_lock(&db->mu);
	rate = rate_locked(db);
	if (rate) {
		*due_ns = MAX_OF(*due_ns, now) + bytes * NS_PER_S / rate;
		while (rate && now < *due_ns) {
			(void)cond_wait_until(&db->changed, &db->mu, *due_ns);
			now = mono_ns();
			rate = rate_locked(db);
		}
	}
	if (!rate)
		*due_ns = 0;
	mutex_unlock(&db->mu);
	db_count(db, STAT_PACE_US, (now - since) / 1000);
}

void pace_compaction(void *arg, size_t bytes)
{
	struct tt *db = arg;

	pace(db, bytes, &db->compaction_due_ns, compaction_rate_locked);
}

void pace_flush(void *arg, size_t bytes)
{
	struct tt *db = arg;

	pace(db, bytes, &db->flush_due_ns, flush_rate_locked);
}

void pace_note_switch_locked(struct tt *db, const struct memtable *m)
{
	uint64_t now = mono_ns();
	uint64_t ns = MAX_OF(now - db->last_switch_ns, INGEST_LEAST_NS);
	uint64_t bytes = memtable_bytes(m) + memtable_value_bytes(m);

	mutex_assert_held(&db->mu);
	db->flush_weight = bytes;
	/* The faster of the last two, roughly: a burst counts at once and is
	 * forgotten slowly. */
	db->ingest = MAX_OF((uint64_t)((double)bytes * NS_PER_S / (double)ns),
			    db->ingest / 2);
	db->last_switch_ns = now;
}
