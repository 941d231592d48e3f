/* SPDX-License-Identifier: MIT */
#include "lsm/clock.h"

void clock_init(struct clock *c, struct env *env, int64_t last_ts)
{
	c->env = env;
	c->last_given = last_ts;
	atomic_init(&c->published, last_ts);
}

int64_t clock_next(struct clock *c)
{
	int64_t now = env_now_us(c->env);

	c->last_given = now > c->last_given ? now : c->last_given + 1;
	return c->last_given;
}

int64_t clock_now(const struct clock *c)
{
	int64_t now = env_now_us(c->env), visible = clock_visible(c);

	return MAX_OF(now, visible);
}
