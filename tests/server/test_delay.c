/* SPDX-License-Identifier: MIT */
/*
 * Nobody waits for somebody else's write: while one client's change waits for
 * the other face to take notice, the port serves everybody else.
 */
#include <arpa/inet.h>
#include <check.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/server.h"
#include "support/check_main.h"
#include "support/tmpdir.h"
#include "tree/tree.h"

static char *dir;
static struct tt *db;
static struct tree *tree;
static struct server *server;
static sem_t waits, goes_on;

/* The listener: as slow as the test likes. */
static void take_notice(void *arg)
{
	(void)arg;
	sem_post(&waits);
	sem_wait(&goes_on);
}

static void setup(void)
{
	const struct server_options o = { .listen = "127.0.0.1:0" };
	const struct tree_listener l = { .changes_told = take_notice };
	struct tt_options *to = tt_options_new();

	sem_init(&waits, 0, 0);
	sem_init(&goes_on, 0, 0);
	dir = tmpdir_new();
	ck_ok(tt_options_set(to, "memory", "16M"));
	ck_ok(tt_open(dir, to, &db));
	tt_options_free(to);
	ck_ok(tree_open(db, &tree));
	tree_set_listener(tree, &l);
	ck_ok(server_start(tree, &o, &server));
}

static void teardown(void)
{
	server_stop(server);
	ck_ok(tree_close(tree));
	ck_ok(tt_close(db));
	tmpdir_free(dir);
	sem_destroy(&waits);
	sem_destroy(&goes_on);
}

static FILE *client(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(server_port(server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	FILE *f;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	f = fdopen(fd, "r+");
	ck_assert_ptr_nonnull(f);
	setvbuf(f, NULL, _IONBF, 0);
	return f;
}

static void say(FILE *f, const char *line)
{
	ck_assert_int_ge(fputs(line, f), 0);
}

static void hear(FILE *f, const char *part)
{
	char line[500];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_msg(strstr(line, part), "%s", line);
}

START_TEST(a_write_that_waits_delays_nobody_else)
{
	FILE *a = client(), *b = client();

	/* Two lines at once: the second must come second all the same. */
	say(a, "{\"operation\":\"SET\",\"key\":\"k\",\"value\":\"1\"}\n"
	       "{\"operation\":\"GET\",\"key\":\"k\",\"id\":2}\n");
	sem_wait(&waits);
	say(b, "{\"operation\":\"PING\"}\n");
	hear(b, "PONG");
	say(b, "{\"operation\":\"GET\",\"key\":\"k\"}\n");
	hear(b, "\"data\":\"1\"");
	sem_post(&goes_on);
	hear(a, "\"version\"");
	hear(a, "\"id\":2,\"data\":\"1\"");
	fclose(a);
	fclose(b);
}
END_TEST

START_TEST(a_client_may_vanish_meanwhile)
{
	FILE *a = client(), *b = client();

	say(a, "{\"operation\":\"SET\",\"key\":\"k\",\"value\":\"1\"}\n");
	sem_wait(&waits);
	fclose(a);
	say(b, "{\"operation\":\"PING\"}\n");
	hear(b, "PONG");
	sem_post(&goes_on);
	say(b, "{\"operation\":\"GET\",\"key\":\"k\"}\n");
	hear(b, "\"data\":\"1\"");
	fclose(b);
}
END_TEST

static Suite *delay_suite(void)
{
	Suite *s = suite_create("server delays");
	TCase *t = tcase_create("delays");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_write_that_waits_delays_nobody_else);
	tcase_add_test(t, a_client_may_vanish_meanwhile);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(delay_suite)
