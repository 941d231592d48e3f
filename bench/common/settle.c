/* SPDX-License-Identifier: MIT */
#include "bench/common/settle.h"

#include <stdint.h>
#include <unistd.h>

#include "base/mutex.h"
#include "bench/common/proc.h"

#define STEP_US 250000
#define QUIET_STEPS 2
#define QUIET_CPU_S 0.010 /* a step; 4 % of a processor */
#define LIMIT_S 90

static double seconds_since(uint64_t start_ns)
{
	return (double)(mono_ns() - start_ns) / 1e9;
}

double settle(pid_t pid)
{
	uint64_t start = mono_ns(), written = proc_written_bytes(pid);
	double cpu = proc_cpu_s(pid), took;
	int quiet = 0;

	while (quiet < QUIET_STEPS && seconds_since(start) < LIMIT_S) {
		double was_cpu = cpu;
		uint64_t was_written = written;

		usleep(STEP_US);
		cpu = proc_cpu_s(pid);
		written = proc_written_bytes(pid);
		if (cpu - was_cpu < QUIET_CPU_S && written == was_written)
			quiet++;
		else
			quiet = 0;
	}
	took = seconds_since(start) - quiet * STEP_US / 1e6;
	return took > 0.005 ? took : 0;
}
