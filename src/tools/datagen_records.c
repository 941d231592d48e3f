/* SPDX-License-Identifier: MIT */
#include "tools/datagen_records.h"

#include <inttypes.h>

#include "base/rand.h"

static const char *const first_names[] = {
	"Ada",	  "Alan",   "Barbara", "Claude",   "Dennis",
	"Donald", "Edsger", "Frances", "Grace",	   "Jean",
	"John",	  "Ken",    "Leslie",  "Margaret", "Niklaus",
	"Radia",  "Robin",  "Sophie",  "Tony",	   "Yukihiro",
};
static const char *const last_names[] = {
	"Allen",   "Backus",   "Bartik",    "Dijkstra", "Hamilton",
	"Hoare",   "Hopper",   "Kernighan", "Knuth",	"Lamport",
	"Liskov",  "Lovelace", "McCarthy",  "Milner",	"Perlman",
	"Ritchie", "Shannon",  "Thompson",  "Turing",	"Wirth",
};
static const char *const cities[] = {
	"Amsterdam", "Berlin", "Bogota", "Cairo", "Delhi",  "Hanoi",
	"Jakarta",   "Kyiv",   "Lagos",	 "Lima",  "London", "Madrid",
	"Nairobi",   "Osaka",  "Porto",	 "Quito", "Seoul",  "Toronto",
};
static const char *const states[] = { "new",	 "paid",      "packed",
				      "shipped", "delivered", "returned" };
static const char *const goods[] = { "anvil",  "bucket", "compass", "drill",
				     "easel",  "funnel", "gasket",  "hammer",
				     "ladder", "mortar", "pulley",  "trunk" };
static const char *const words[] = {
	"always",  "arrives", "before",	 "carries", "elephant", "every",
	"forgets", "heavy",   "key",	 "ledger",  "memory",	"never",
	"often",   "quiet",   "records", "slowly",  "the",	"together",
	"trunk",   "under",   "value",	 "walks",   "water",	"with",
};

#define PICK(r, list) ((list)[rng_below((r), ARRAY_LEN(list))])

static int put_user(struct rng *r, uint64_t i, struct buf *key,
		    struct buf *value)
{
	const char *first = PICK(r, first_names);
	const char *last = PICK(r, last_names);
	int e = buf_printf(key, "users/%08" PRIu64, i);

	return e < 0 ? e
		     : buf_printf(value,
				  "{\"id\":%" PRIu64 ",\"name\":\"%s %s\","
				  "\"city\":\"%s\",\"age\":%d",
				  i, first, last, PICK(r, cities),
				  18 + (int)rng_below(r, 70));
}

static int put_order(struct rng *r, uint64_t i, struct buf *key,
		     struct buf *value)
{
	int e = buf_printf(key, "orders/%04d/%02d/%08" PRIu64,
			   2020 + (int)rng_below(r, 6),
			   1 + (int)rng_below(r, 12), i);

	return e < 0 ? e
		     : buf_printf(value,
				  "{\"id\":%" PRIu64 ",\"state\":\"%s\","
				  "\"item\":\"%s\",\"total\":%d.%02d",
				  i, PICK(r, states), PICK(r, goods),
				  1 + (int)rng_below(r, 900),
				  (int)rng_below(r, 100));
}

static int put_product(struct rng *r, uint64_t i, struct buf *key,
		       struct buf *value)
{
	const char *what = PICK(r, goods);
	int e = buf_printf(key, "products/%s/%08" PRIu64, what, i);

	return e < 0 ? e
		     : buf_printf(value,
				  "{\"id\":%" PRIu64 ",\"name\":\"%s\","
				  "\"stock\":%d,\"grams\":%d",
				  i, what, (int)rng_below(r, 500),
				  10 + (int)rng_below(r, 9000));
}

static int put_session(struct rng *r, uint64_t i, struct buf *key,
		       struct buf *value)
{
	int e = buf_printf(key, "sessions/%016" PRIx64, rng_next(r));

	return e < 0 ? e
		     : buf_printf(value,
				  "{\"user\":%" PRIu64 ",\"from\":\"10.%d.%d."
				  "%d\",\"seconds\":%d",
				  rng_below(r, i + 1), (int)rng_below(r, 256),
				  (int)rng_below(r, 256),
				  (int)rng_below(r, 256),
				  (int)rng_below(r, 7200));
}

/* {"id":1,… so far: closed at exactly `size` bytes, with a note in between. */
static int pad_object(struct rng *r, uint64_t size, struct buf *value)
{
	static const char note[] = ",\"note\":\"";
	int e = 0;

	if (value->len + sizeof(note) - 1 + 2 > size)
		return 1; /* no room: not an object */
	e = buf_append(value, note, sizeof(note) - 1);
	while (e == 0 && value->len < size - 2) {
		e = buf_append_str(value, PICK(r, words));
		if (e == 0)
			e = buf_append_byte(value, ' ');
	}
	if (e < 0)
		return e;
	buf_truncate(value, size - 2);
	return buf_append(value, "\"}", 2);
}

/* Words alone, for sizes too small for an object. */
static int fill_words(struct rng *r, uint64_t size, struct buf *value)
{
	int e = 0;

	buf_clear(value);
	while (e == 0 && value->len < size)
		e = buf_append_str(value, PICK(r, words));
	if (e == 0)
		buf_truncate(value, size);
	return e;
}

int datagen_record(uint64_t seed, uint64_t i, uint64_t size, struct buf *key,
		   struct buf *value)
{
	static int (*const kinds[])(struct rng *, uint64_t, struct buf *,
				    struct buf *) = { put_user, put_order,
						      put_product,
						      put_session };
	struct rng r;
	int e;

	rng_init(&r, seed ^ (i * 0x9e3779b97f4a7c15ULL));
	buf_clear(key);
	buf_clear(value);
	e = kinds[i % ARRAY_LEN(kinds)](&r, i, key, value);
	if (e == 0)
		e = pad_object(&r, size, value);
	return e > 0 ? fill_words(&r, size, value) : e;
}
