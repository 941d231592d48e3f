/* SPDX-License-Identifier: MIT */
/* Orders to the failing environment, and what it has counted. */
#include "base/assert.h"
#include "tests/support/fault_disk.h"
#include "tests/support/fault_env_impl.h"

void fault_env_fail(struct fault_env *f, unsigned mask, uint64_t nth, int err,
		    enum fault_span span)
{
	assert(nth > 0 && err > 0);
	mutex_lock(&f->mu);
	f->fail_mask = mask;
	f->fail_after = nth - 1;
	f->fail_errno = err;
	f->fail_span = span;
	mutex_unlock(&f->mu);
}

void fault_env_only(struct fault_env *f, const char *part)
{
	mutex_lock(&f->mu);
	f->fail_part = part;
	mutex_unlock(&f->mu);
}

void fault_env_tear_writes(struct fault_env *f, bool on)
{
	mutex_lock(&f->mu);
	f->tear = on;
	mutex_unlock(&f->mu);
}

void fault_env_lose_pages(struct fault_env *f, bool on)
{
	mutex_lock(&f->mu);
	f->loses_pages = on;
	mutex_unlock(&f->mu);
}

void fault_env_limit_bytes(struct fault_env *f, uint64_t bytes)
{
	mutex_lock(&f->mu);
	f->bytes_left = bytes;
	mutex_unlock(&f->mu);
}

void fault_env_limit_disk(struct fault_env *f, uint64_t bytes)
{
	mutex_lock(&f->mu);
	f->capacity = bytes;
	mutex_unlock(&f->mu);
}

uint64_t fault_env_used(struct fault_env *f)
{
	uint64_t n;

	mutex_lock(&f->mu);
	n = disk_used(f->disk);
	mutex_unlock(&f->mu);
	return n;
}

uint64_t fault_env_lost(struct fault_env *f)
{
	uint64_t n;

	mutex_lock(&f->mu);
	n = f->n_lost;
	mutex_unlock(&f->mu);
	return n;
}

static void clear_locked(struct fault_env *f)
{
	f->fail_errno = 0;
	f->fail_part = NULL;
	f->tear = false;
	f->loses_pages = false;
	f->bytes_left = UINT64_MAX;
	f->capacity = UINT64_MAX;
}

void fault_env_clear(struct fault_env *f)
{
	mutex_lock(&f->mu);
	clear_locked(f);
	mutex_unlock(&f->mu);
}

uint64_t fault_env_calls(struct fault_env *f, unsigned mask)
{
	uint64_t n = 0;

	mutex_lock(&f->mu);
	for (unsigned i = 0; i < N_KINDS; i++)
		if (mask & (1u << i))
			n += f->n_calls[i];
	mutex_unlock(&f->mu);
	return n;
}

uint64_t fault_env_failed(struct fault_env *f)
{
	uint64_t n;

	mutex_lock(&f->mu);
	n = f->n_failed;
	mutex_unlock(&f->mu);
	return n;
}

void fault_env_advance_us(struct fault_env *f, int64_t us)
{
	mutex_lock(&f->mu);
	f->skew_us += us;
	mutex_unlock(&f->mu);
}

void fault_env_step_wall_us(struct fault_env *f, int64_t us)
{
	mutex_lock(&f->mu);
	f->wall_us += us;
	mutex_unlock(&f->mu);
}

int fault_env_cut(struct fault_env *f, enum fault_cut how)
{
	int r;

	mutex_lock(&f->mu);
	f->is_off = true;
	r = disk_cut(f->disk, how, &f->rng);
	mutex_unlock(&f->mu);
	return r;
}

int fault_env_power_on(struct fault_env *f)
{
	int r;

	mutex_lock(&f->mu);
	f->is_off = false;
	f->generation++;
	clear_locked(f);
	r = disk_rescan(f->disk);
	mutex_unlock(&f->mu);
	return r;
}
