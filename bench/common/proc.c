/* SPDX-License-Identifier: MIT */
#include "bench/common/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* PID's folder in /proc; 0: one's own. */
static void path_of(pid_t pid, const char *file, char out[64])
{
	if (pid)
		snprintf(out, 64, "/proc/%ld/%s", (long)pid, file);
	else
		snprintf(out, 64, "/proc/self/%s", file);
}

double proc_cpu_s(pid_t pid)
{
	struct timespec t = { 0 };
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &t) < 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The number behind "LABEL: " in a file of /proc; 0 when it is not there. */
static uint64_t number_of(pid_t pid, const char *file, const char *label)
{
	size_t len = strlen(label);
	char path[64], line[256];
	uint64_t v = 0;
	FILE *f;

	path_of(pid, file, path);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, label, len) && line[len] == ':')
			(void)sscanf(line + len + 1, "%" SCNu64, &v);
	(void)fclose(f);
	return v;
}

uint64_t proc_written_bytes(pid_t pid)
{
	return number_of(pid, "io", "write_bytes");
}

double proc_peak_rss_mib(pid_t pid)
{
	return (double)number_of(pid, "status", "VmHWM") / 1024;
}

/* Where the kernel does not know this, peaks are those since the start. */
void proc_reset_peak_rss(pid_t pid)
{
	char path[64];
	FILE *f;

	path_of(pid, "clear_refs", path);
	f = fopen(path, "we");
	if (!f)
		return;
	(void)fputs("5", f);
	(void)fclose(f);
}
