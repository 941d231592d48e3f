/* SPDX-License-Identifier: MIT */
#include "bench/common/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int turn_begin(const char *program, const char *file)
{
	int fd;

	if (!*file)
		return -1;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		fprintf(stderr, "%s: %s: no lock: %s\n", program, file,
			strerror(errno));
	return fd;
}

void turn_end(int turn)
{
	if (turn >= 0)
		(void)close(turn);
}
