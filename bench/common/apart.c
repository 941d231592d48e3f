/* SPDX-License-Identifier: MIT */
#include "bench/common/apart.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void be_child(int (*fn)(void *arg), void *arg)
{
	int status;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody waits any more */
	status = fn(arg);
	(void)fflush(stdout);
	_exit(status);
}

int apart(int (*fn)(void *arg), void *arg, const char *program,
	  const char *what)
{
	int status, code;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_child(fn, arg);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		code = -errno;
		fprintf(stderr, "%s: fork: %s\n", program, strerror(-code));
		return code;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "%s: %s: killed by signal %d (%s)\n", program, what,
		WTERMSIG(status), strsignal(WTERMSIG(status)));
	return -ECHILD;
}
