/* SPDX-License-Identifier: MIT */
/*
 * What people do with a source tree, by the programs they do it with. The
 * tree is made once, with a tar file and a git repository of it, on the
 * file system that is under all mounts.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/rand.h"
#include "bench/common/disk.h"
#include "files.h"
#include "groups.h"
#include "options.h"
#include "work.h"

#define WORDS_MAX 12
#define TEXT_MAX ((size_t)64 << 10)
#define DIR_FILES 20
#define PATH_BYTES 3000

/* ---- running programs ------------------------------------------------------ */

static _Noreturn void be_program(const char *dir, const char *const *words)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (chdir(dir) < 0 || null < 0)
		_exit(126);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	(void)setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

/* Runs a program in `dir`. 0 where its exit status is `want`. */
static int run_program(const char *dir, const char *const *words, int want)
{
	int status;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_program(dir, words);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == want)
		return 0;
	return err_set(-EIO, "%s %s failed", words[0], words[1]);
}

/* ---- the tree --------------------------------------------------------------- */

static char tree_dir[PATH_BYTES]; /* where it, its archive and repository are */

static int write_source(const char *path, uint64_t i, char *text)
{
	struct rng rng;
	size_t len;
	FILE *f = fopen(path, "we");
	bool is_ok;

	if (!f)
		return err_errno(errno, "%s", path);
	rng_init(&rng, cfg.seed * 1000003 + i);
	/* from 200 bytes to 32 KiB, small ones more often */
	len = (size_t)200 << rng_below(&rng, 8);
	len += rng_below(&rng, len / 4);
	text_make(text, len, i);
	is_ok = fwrite(text, 1, len, f) == len;
	is_ok &= fclose(f) == 0;
	return is_ok ? 0 : err_errno(errno, "%s", path);
}

static int write_sources(const char *root)
{
	char *text = malloc(TEXT_MAX), path[PATH_BYTES + 64];
	int r = text ? 0 : err_nomem("text");

	for (uint64_t i = 0; r == 0 && i < cfg.tree_n; i++) {
		uint64_t k = i / DIR_FILES;
		int n = snprintf(path, sizeof(path),
				 "%s/part%02" PRIu64 "/module%04" PRIu64, root,
				 k / DIR_FILES, k);

		if (i % DIR_FILES == 0)
			r = disk_make(path);
		if (r == 0) {
			snprintf(path + n, sizeof(path) - (size_t)n,
				 "/source%" PRIu64 ".c", i);
			r = write_source(path, i, text);
		}
	}
	free(text);
	return r;
}

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

int group_tree_prepare(void)
{
	char tree[PATH_BYTES + 16];
	int r;

	/* absolute: programs are run elsewhere */
	if (disk_make(cfg.dir) < 0)
		return -1;
	if (*cfg.dir == '/' || !getcwd(tree, 1024))
		*tree = 0;
	snprintf(tree_dir, sizeof(tree_dir), "%s%s%.900s/tree", tree,
		 *tree ? "/" : "", cfg.dir);
	snprintf(tree, sizeof(tree), "%s/src", tree_dir);
	r = disk_remove(tree_dir);
	if (r == 0)
		r = write_sources(tree);
	if (r == 0)
		r = run_program(tree_dir, WORDS("tar", "cf", "src.tar", "src"),
				0);
	if (r == 0)
		r = run_program(tree, WORDS("git", "init", "-q"), 0);
	if (r == 0)
		r = run_program(tree, WORDS("git", "add", "."), 0);
	if (r == 0)
		r = run_program(tree,
				WORDS("git", "-c", "user.name=bench", "-c",
				      "user.email=bench@localhost", "commit",
				      "-qm", "all"),
				0);
	return r;
}

/* ---- what is done with it --------------------------------------------------- */

struct step {
	const char *name;
	bool is_cold, settles;
	int want; /* exit status */
	const char *words[WORDS_MAX];
};

static char tar_file[PATH_BYTES + 16], repository[PATH_BYTES + 16];

static const struct step steps[] = {
	{ "untar", false, true, 0, { "tar", "xf", tar_file } },
	{ "grep-r(cold)", true, false, 1, { "grep", "-rF", "zebra", "src" } },
	{ "grep-r(warm)", false, false, 1, { "grep", "-rF", "zebra", "src" } },
	{ "find(cold)", true, false, 0, { "find", "src", "-type", "f" } },
	{ "du(cold)", true, false, 0, { "du", "-s", "src" } },
	{ "du(warm)", false, false, 0, { "du", "-s", "src" } },
	{ "cp-a", false, true, 0, { "cp", "-a", "src", "copy" } },
	{ "rm-rf", false, true, 0, { "rm", "-rf", "copy" } },
	{ "git-clone",
	  false,
	  true,
	  0,
	  { "git", "clone", "-q", "--no-hardlinks", repository, "clone" } },
	{ "git-status",
	  false,
	  false,
	  0,
	  { "git", "-C", "clone", "status", "--porcelain" } },
};

static int op_step(struct client *c, uint64_t i)
{
	const struct step *s = c->work->arg;

	(void)i;
	return run_program(c->run->top, s->words, s->want);
}

void group_tree(struct run *r)
{
	snprintf(tar_file, sizeof(tar_file), "%s/src.tar", tree_dir);
	snprintf(repository, sizeof(repository), "%s/src", tree_dir);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct step *s = &steps[i];

		if (s->is_cold && !run_cold(r))
			continue;
		work_do(r, (struct work){ .name = s->name,
					  .op = op_step,
					  .count = 1,
					  .weight = cfg.tree_n,
					  .settles = s->settles,
					  .arg = (void *)(uintptr_t)s });
	}
}
