/* SPDX-License-Identifier: MIT */
#include "fs/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

/* Copies what the child says; its silence means that it has failed, which it
 * has explained on our common standard error. */
NORETURN static void wait_for_child(int from, pid_t pid)
{
	char text[4096];
	bool is_ready = false;
	ssize_t n;
	int status;

	while ((n = read(from, text, sizeof(text))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		is_ready = true;
		(void)fwrite(text, 1, (size_t)n, stdout);
	}
	if (is_ready)
		exit(fflush(stdout) == 0 ? 0 : 1);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			exit(1);
	if (WIFSIGNALED(status))
		(void)fprintf(stderr, "ttrunksfs: ended by signal %d\n",
			      WTERMSIG(status));
	exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
						      : 1);
}

int background_start(struct background *b, bool stays_in_foreground)
{
	int fds[2];
	pid_t pid;

	b->pipe = -1;
	if (stays_in_foreground)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(errno, "cannot make a pipe");
	pid = fork();
	if (pid < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return err_errno(errno, "cannot fork");
	}
	if (pid > 0) {
		(void)close(fds[1]);
		wait_for_child(fds[0], pid);
	}
	(void)close(fds[0]);
	b->pipe = fds[1];
	(void)setsid(); /* a fresh child is no group leader: cannot fail */
	return 0;
}

/* systemd's protocol: one datagram. Nobody to tell is no failure. */
static void sd_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (!n || n >= sizeof(sa.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		     (const struct sockaddr *)&sa,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)close(fd);
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = chdir("/");

	(void)r; /* only so as to keep no other mount busy */
	if (null < 0)
		return;
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		(void)close(null);
}

void background_ready(struct background *b, const char *line)
{
	if (b->pipe < 0) {
		(void)puts(line);
		(void)fflush(stdout);
	} else {
		/* Nobody there to read it is the reader's affair. */
		(void)dprintf(b->pipe, "%s\n", line);
		leave_terminal();
		(void)close(b->pipe);
		b->pipe = -1;
	}
	sd_notify("READY=1");
}

void background_stopping(void)
{
	sd_notify("STOPPING=1");
}
