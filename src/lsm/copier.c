/* SPDX-License-Identifier: MIT */
#include "lsm/copier.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/env.h"
#include "base/err.h"

#define CHUNK_BYTES ((size_t)1 << 20)

int copier_init(struct copier *c, struct env *env,
		const struct tt_copy_options *opts)
{
	*c = (struct copier){ .env = env, .opts = opts };
	c->chunk = aligned_alloc(ENV_DIRECT_ALIGN, CHUNK_BYTES);
	c->sum = checksum_stream_new(0);
	return c->chunk && c->sum ? 0 : err_nomem("copy");
}

void copier_fini(struct copier *c)
{
	free(c->chunk);
	checksum_stream_free(c->sum);
	*c = (struct copier){ .env = NULL };
}

static int tell(struct copier *c)
{
	if (c->opts && c->opts->progress &&
	    c->opts->progress(c->opts->arg, &c->done) != 0)
		return err_set(-ECANCELED, "the copy was called off");
	return 0;
}

int copier_count(struct copier *c, uint64_t bytes)
{
	c->done.bytes_done += bytes;
	c->done.files_done++;
	return tell(c);
}

/* Direct transfers end at a multiple of the alignment: zeros follow, which
 * the caller cuts off. */
static int write_chunk(const struct copier *c, struct env_file *out,
		       uint64_t at, size_t n, bool direct)
{
	size_t n_padded = n;

	if (direct) {
		n_padded = ROUND_UP(n, (size_t)ENV_DIRECT_ALIGN);
		memset(c->chunk + n, 0, n_padded - n);
	}
	return env_write(out, at, c->chunk, n_padded);
}

static int run_chunk(struct copier *c, const struct copy_job *job,
		     struct env_file *in, struct env_file *out, uint64_t at,
		     size_t n)
{
	size_t n_asked = n, n_got;
	int r;

	if (job->direct)
		n_asked = ROUND_UP(n, (size_t)ENV_DIRECT_ALIGN);
	r = env_read(in, at, c->chunk, n_asked, &n_got);
	if (r < 0)
		return r;
	if (n_got < n)
		return err_set(TT_ECORRUPT,
			       "%s: ends at %" PRIu64 ", not at %" PRIu64,
			       job->from, at + n_got, job->bytes);
	checksum_stream_add(c->sum, c->chunk, n);
	if (job->see)
		r = job->see(job->arg, at, c->chunk, n);
	if (r == 0 && out)
		r = write_chunk(c, out, at, n, job->direct);
	if (r == 0) {
		c->done.bytes_done += n;
		r = tell(c);
	}
	return r;
}

static int run_chunks(struct copier *c, const struct copy_job *job,
		      struct env_file *in, struct env_file *out)
{
	uint64_t at = 0;
	int r = 0;

	checksum_stream_reset(c->sum, 0);
	while (at < job->bytes && r == 0) {
		size_t n =
			(size_t)MIN_OF(job->bytes - at, (uint64_t)CHUNK_BYTES);

		r = run_chunk(c, job, in, out, at, n);
		at += n;
	}
	if (r == 0 && out && job->direct && at % ENV_DIRECT_ALIGN)
		r = env_truncate(out, at);
	if (r == 0 && out)
		r = env_sync(out, ENV_SYNC_FULL);
	return r;
}

int copier_run(struct copier *c, const struct copy_job *job, uint64_t *out_sum)
{
	unsigned direct = job->direct ? ENV_DIRECT : 0;
	struct env_file *in = NULL, *out = NULL;
	struct err_saved why;
	int r, closed;

	r = env_open(c->env, job->from, ENV_READ | direct, &in);
	if (r == 0 && job->to)
		r = env_open(c->env, job->to,
			     ENV_WRITE | ENV_CREATE | ENV_TRUNC | direct, &out);
	if (r == 0)
		r = run_chunks(c, job, in, out);
	err_save(&why, r);
	(void)env_close(in); /* nothing was written to it */
	closed = env_close(out);
	if (r == 0)
		r = closed;
	else
		(void)err_restore(&why);
	if (r == 0) {
		*out_sum = checksum_stream_sum(c->sum);
		return 0;
	}
	if (out) {
		err_save(&why, r);
		(void)env_unlink(c->env,
				 job->to); /* the first failure counts */
		(void)err_restore(&why);
	}
	return r;
}
