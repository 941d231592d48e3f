/* SPDX-License-Identifier: MIT */
/*
 * Replay. The log is followed from segment to segment by their links: where
 * the records of one end, the next is the lowest numbered one behind it that
 * links to exactly that place. Where none does the log ends, and what is
 * left is searched for evidence that it should not have: a record, wherever
 * it lies, that was written when the log was durable beyond this end.
 */
#include "lsm/wal_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lsm/wal_scan.h"

uint32_t wal_segment_no_of_name(const char *name)
{
	char again[32];
	uint64_t no = 0;

	for (const char *p = name; *p >= '0' && *p <= '9'; p++) {
		no = no * 10 + (uint64_t)(*p - '0');
		if (no > UINT32_MAX)
			return 0;
	}
	(void)snprintf(again, sizeof(again), "%06" PRIu64 WAL_SUFFIX, no);
	return strcmp(again, name) == 0 ? (uint32_t)no : 0;
}

int wal_segment_path(struct buf *out, const char *dir, uint32_t segment_no)
{
	int r;

	buf_clear(out);
	r = buf_printf(out, "%s/%06" PRIu32 WAL_SUFFIX, dir, segment_no);
	return r < 0 ? r : buf_append_byte(out, 0);
}

/* ---- replay ------------------------------------------------------------ */

struct replay {
	struct env *env;
	const char *dir;
	wal_record_fn fn;
	void *arg;
	struct wal_file_list list;
	struct wal_scan scan;
	uint64_t end;	 /* of the prefix so far */
	uint32_t at_no;	 /* the segment it was followed to; 0: none yet */
	uint64_t at_off; /* and where in it */
	struct wal_tail *tail;
};

/* Applies the records of the open segment from at_off on. */
static int replay_segment(struct replay *p)
{
	struct wal_scan_record rec;
	int r;

	while ((r = wal_scan_record(&p->scan, p->at_off, &rec)) > 0) {
		r = p->fn(p->arg, rec.lsn, rec.ts, rec.payload);
		if (r == TT_END)
			p->tail->cut_lsn = rec.lsn;
		if (r != 0)
			return r;
		p->tail->durable = MAX_OF(p->tail->durable, rec.durable);
		p->at_off = rec.next;
		p->end = wal_lsn(p->at_no, (uint32_t)rec.next);
		p->tail->last_ts = rec.ts;
		p->tail->n_records++;
		p->tail->n_bytes += rec.payload.len;
	}
	return r;
}

/* Opens the segment in which the log goes on: 1, or 0 when there is none. */
static int find_continuation(struct replay *p)
{
	int r;

	for (size_t i = 0; i < p->list.n; i++) {
		if (p->list.nos[i] <= p->at_no)
			continue;
		r = wal_scan_open(&p->scan, p->env, p->dir, p->list.nos[i]);
		if (r < 0)
			return r;
		if (p->scan.has_link && p->scan.link == p->end) {
			p->at_no = p->list.nos[i];
			p->at_off = WAL_FIRST_OFFSET;
			return 1;
		}
	}
	return 0;
}

static COLD int broken(struct replay *p, const struct wal_scan_record *proof)
{
	struct buf path = BUF_INIT;
	int r = wal_segment_path(&path, p->dir, p->at_no);

	if (r == 0)
		r = err_set(TT_ECORRUPT,
			    "%s: no valid record at offset %u, but the log was "
			    "durable up to offset %u of segment %u when the "
			    "record at offset %u of segment %u was written",
			    (char *)path.data, (uint32_t)p->at_off,
			    wal_lsn_offset(proof->durable),
			    wal_lsn_segment(proof->durable),
			    wal_lsn_offset(proof->lsn),
			    wal_lsn_segment(proof->lsn));
	buf_fini(&path);
	return r;
}

/* Looks through the open segment from `off` on for a record that proves that
 * the log was durable beyond its end. */
static int search_proof(struct replay *p, uint64_t off)
{
	struct wal_scan_record rec;
	int r;

	while ((r = wal_scan_find(&p->scan, off, &rec)) > 0) {
		p->tail->is_torn = true;
		if (rec.durable > p->end && rec.durable <= rec.lsn)
			return broken(p, &rec);
		off = rec.next;
	}
	return r;
}

/* Everything behind the end of the log. */
static int check_end(struct replay *p)
{
	int r;

	for (size_t i = 0; i < p->list.n; i++) {
		uint32_t no = p->list.nos[i];
		uint64_t off = no == p->at_no ? p->at_off : 0;

		if (no < p->at_no)
			continue;
		r = wal_scan_open(&p->scan, p->env, p->dir, no);
		if (r == 0)
			r = search_proof(p, off);
		if (r < 0)
			return r;
	}
	return 0;
}

static int replay_run(struct replay *p, uint64_t from)
{
	int r = wal_list_files(p->env, p->dir, &p->list);

	if (r < 0)
		return r;
	p->end = from;
	p->at_no = wal_lsn_segment(from);
	p->at_off = wal_lsn_offset(from);
	for (size_t i = 0; i < p->list.n && r == 0; i++) {
		if (p->list.nos[i] != p->at_no)
			continue;
		r = wal_scan_open(&p->scan, p->env, p->dir, p->at_no);
		if (r == 0 && p->scan.has_link)
			r = replay_segment(p);
	}
	while (r == 0 && (r = find_continuation(p)) > 0)
		r = replay_segment(p);
	if (r == TT_END) {
		p->tail->is_torn = true;
		return 0;
	}
	return r == 0 ? check_end(p) : r;
}

int wal_cut(struct env *env, const char *dir, uint64_t lsn)
{
	static const uint8_t zeros[sizeof(struct wal_record_header)];
	struct buf path = BUF_INIT;
	struct env_file *f = NULL;
	int r = wal_segment_path(&path, dir, wal_lsn_segment(lsn));

	if (r == 0)
		r = env_open(env, (char *)path.data, ENV_READ | ENV_WRITE, &f);
	if (r == 0)
		r = env_write(f, wal_lsn_offset(lsn), zeros, sizeof(zeros));
	if (r == 0)
		r = env_sync(f, ENV_SYNC_DATA);
	(void)env_close(f); /* it is durable, or has failed */
	buf_fini(&path);
	return r;
}

int wal_replay(struct env *env, const char *dir, uint64_t from_lsn,
	       wal_record_fn fn, void *arg, struct wal_tail *out)
{
	struct wal_tail tail = { 0 };
	struct replay p = {
		.env = env, .dir = dir, .fn = fn, .arg = arg, .tail = &tail
	};
	uint32_t highest = wal_lsn_segment(from_lsn);
	int r;

	wal_scan_init(&p.scan);
	r = replay_run(&p, from_lsn);
	if (r == 0) {
		if (p.list.n)
			highest = MAX_OF(highest, p.list.nos[p.list.n - 1]);
		tail.end_lsn = p.end;
		tail.next_segment_no = highest + 1;
		*out = tail;
	}
	wal_scan_fini(&p.scan);
	free(p.list.nos);
	return r;
}

int wal_read_segment(struct env *env, const char *path, wal_record_fn fn,
		     void *arg, struct wal_segment_info *out)
{
	struct wal_segment_info info = { .end_offset = WAL_FIRST_OFFSET };
	struct wal_scan_record rec;
	struct wal_scan scan;
	int r;

	wal_scan_init(&scan);
	r = wal_scan_open_path(&scan, env, path);
	if (r == 0 && !scan.is_segment)
		r = err_set(TT_ECORRUPT, "%s: not a log segment", path);
	if (r < 0)
		goto out;
	while ((r = wal_scan_record(&scan, info.end_offset, &rec)) > 0) {
		r = fn ? fn(arg, rec.lsn, rec.ts, rec.payload) : 0;
		if (r != 0)
			goto out;
		info.end_offset = rec.next;
		info.n_records++;
	}
	if (r < 0)
		goto out;
	info.segment_no = scan.segment_no;
	info.has_link = scan.has_link;
	info.link = scan.link;
	info.file_bytes = scan.file_bytes;
	*out = info;
out:
	wal_scan_fini(&scan);
	return r;
}
