/* SPDX-License-Identifier: MIT */
/*
 * A store of notes, with libttrunks and nothing else:
 *
 *	cc -o notes notes.c $(pkg-config --cflags --libs libttrunks)
 *	./notes /tmp/notes
 *
 * Keys are "note/NUMBER" and "tag/TAG/NUMBER". A note and its tags are written
 * in one batch, so they are there together or not at all. Every change stays
 * readable for an hour (the option retention), so a note that was deleted by
 * mistake comes back from the past.
 */
#include <stdio.h>
#include <stdlib.h>
#include <ttrunks.h>

static void die(const char *what, int code)
{
	fprintf(stderr, "notes: %s: %s\n", what, tt_error_text(code));
	exit(1);
}

static void must(const char *what, int code)
{
	if (code < 0)
		die(what, code);
}

static struct tt *open_notes(const char *dir)
{
	struct tt_options *opts = tt_options_new();
	struct tt *db;

	if (!opts)
		exit(1);
	must("options", tt_options_set(opts, "memory", "32M"));
	must("options", tt_options_set(opts, "retention", "1h"));
	must("open", tt_open(dir, opts, &db));
	tt_options_free(opts);
	return db;
}

/* The key of a note, or of one of its tags; good until the next call but one. */
static struct tt_slice note_key(const char *tag, unsigned number)
{
	static char keys[2][64];
	static unsigned at;
	char *key = keys[at++ % 2];

	if (tag)
		(void)snprintf(key, sizeof(keys[0]), "tag/%s/%06u", tag,
			       number);
	else
		(void)snprintf(key, sizeof(keys[0]), "note/%06u", number);
	return tt_str(key);
}

/* Writes a note and its tags as one; returns when they are durable. */
static void add_note(struct tt *db, unsigned number, const char *text,
		     const char *const *tags)
{
	struct tt_write_options durable = { .sync = true };
	struct tt_batch *batch = tt_batch_new();

	if (!batch)
		exit(1);
	must("batch",
	     tt_batch_put(batch, note_key(NULL, number), tt_str(text)));
	for (; *tags; tags++)
		must("batch",
		     tt_batch_put(batch, note_key(*tags, number), tt_str("")));
	must("write", tt_write(db, &durable, batch, NULL));
	tt_batch_free(batch);
}

/* Shows the notes of a tag, as of a time; 0: now. */
static void show_tag(struct tt *db, const char *tag, int64_t as_of)
{
	struct tt_read_options ro = { .as_of = as_of };
	struct tt_iter_options io = { .as_of = as_of };
	char lower[64], upper[64];
	struct tt_iter *it;
	int r;

	/* '0' is the byte behind '/': all keys that begin with "tag/TAG/". */
	(void)snprintf(lower, sizeof(lower), "tag/%s/", tag);
	(void)snprintf(upper, sizeof(upper), "tag/%s0", tag);
	io.lower = tt_str(lower);
	io.upper = tt_str(upper);
	must("iterate", tt_iter_new(db, &io, &it));
	for (r = tt_iter_first(it); r == 0; r = tt_iter_next(it)) {
		struct tt_slice key = tt_iter_key(it);
		unsigned number = (unsigned)strtoul(
			(const char *)key.data + key.len - 6, NULL, 10);
		char text[256];
		size_t len;

		r = tt_get(db, &ro, note_key(NULL, number), text, sizeof(text),
			   &len, NULL);
		if (r == TT_NOTFOUND)
			continue;
		must("get", r);
		if (len > sizeof(text))
			len = sizeof(text);
		printf("  %u: %.*s\n", number, (int)len, text);
	}
	must("iterate", r);
	tt_iter_free(it);
}

/* Takes a note from the past and writes it again. */
static void bring_back(struct tt *db, unsigned number, int64_t from)
{
	struct tt_read_options ro = { .as_of = from };
	struct tt_pinned note;
	int r = tt_get_pinned(db, &ro, note_key(NULL, number), &note);

	if (r == TT_NOTFOUND || r == TT_ETOOOLD)
		return;
	must("get", r);
	must("put", tt_put(db, NULL, note_key(NULL, number), note.value, NULL));
	tt_unpin(&note);
}

int main(int argc, char **argv)
{
	static const char *const home[] = { "home", NULL };
	static const char *const both[] = { "home", "work", NULL };
	struct tt_snapshot *snap;
	struct tt *db;
	int64_t before;

	if (argc != 2) {
		fprintf(stderr, "usage: notes STORE\n");
		return 2;
	}
	db = open_notes(argv[1]);
	add_note(db, 1, "water the plants", home);
	add_note(db, 2, "call about the roof", both);
	printf("home:\n");
	show_tag(db, "home", 0);
	printf("work:\n");
	show_tag(db, "work", 0);

	/* A snapshot holds the present, as_of names a moment of the past. */
	must("snapshot", tt_snapshot_new(db, &snap));
	before = tt_snapshot_ts(snap);
	tt_snapshot_free(db, snap);

	must("delete", tt_delete(db, NULL, note_key(NULL, 1), NULL));
	printf("home, after a mistake:\n");
	show_tag(db, "home", 0);
	printf("home, as it was:\n");
	show_tag(db, "home", before);
	bring_back(db, 1, before);
	printf("home, again:\n");
	show_tag(db, "home", 0);
	must("close", tt_close(db));
	return 0;
}
