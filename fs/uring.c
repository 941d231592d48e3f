/* SPDX-License-Identifier: MIT */
#include "fs/uring.h"

#include <fcntl.h>
#include <unistd.h>

#define SWITCH "/sys/module/fuse/parameters/enable_uring"

#ifdef HAVE_FUSE_IO_URING

const char *uring_why_not(void)
{
	char on = 'N';
	int fd = open(SWITCH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return "this kernel does not have it";
	if (read(fd, &on, 1) != 1)
		on = 'N';
	(void)close(fd); /* was only read */
	return on == 'Y' ? NULL : "it is switched off in " SWITCH;
}

#else

const char *uring_why_not(void)
{
	return "this program was built with a libfuse before 3.18";
}

#endif
