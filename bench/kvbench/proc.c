/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

double proc_cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The number behind "LABEL: " in a file of /proc; 0 when it is not there. */
static uint64_t number_of(const char *path, const char *label)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(label);
	uint64_t v = 0;
	char line[256];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, label, len) && line[len] == ':')
			(void)sscanf(line + len + 1, "%" SCNu64, &v);
	(void)fclose(f);
	return v;
}

uint64_t proc_written_bytes(void)
{
	return number_of("/proc/self/io", "write_bytes");
}

double proc_peak_rss_mib(void)
{
	return (double)number_of("/proc/self/status", "VmHWM") / 1024;
}

/* Where the kernel does not know this, peaks are those since the start. */
void proc_reset_peak_rss(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "we");

	if (!f)
		return;
	(void)fputs("5", f);
	(void)fclose(f);
}
