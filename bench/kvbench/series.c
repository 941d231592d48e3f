/* SPDX-License-Identifier: MIT */
#include "series.h"

#include <string.h>

#include "base/mutex.h"
#include "report.h"

#define SECOND_NS 1000000000u
/* A last piece of a second shorter than this says nothing. */
#define PIECE_MIN_NS 100000000u

void series_begin(struct series *s)
{
	memset(&s->latency, 0, sizeof(s->latency));
	s->second = 0;
	s->second_ns = mono_ns();
}

static void end_second(struct series *s, uint64_t took_ns)
{
	report_second(s, (double)took_ns / 1e9);
	memset(&s->latency, 0, sizeof(s->latency));
	s->second++;
	s->second_ns += took_ns;
}

void series_next(struct series *s, uint64_t now_ns)
{
	while (now_ns - s->second_ns >= SECOND_NS)
		end_second(s, SECOND_NS);
}

void series_end(struct series *s)
{
	uint64_t now = mono_ns();

	series_next(s, now);
	if (now - s->second_ns >= PIECE_MIN_NS)
		end_second(s, now - s->second_ns);
}
