/* SPDX-License-Identifier: MIT */
/*
 * Prints .env.example from the option tables: every setting of every program,
 * with its help and its default. settings.sh compares the file with this.
 */
#include <stdio.h>

#include "base/opt.h"

/* clang-format off */
struct settings {
#define OPT OPT_FIELD
#include "base/common_options.def"
#include "server/options.def"
#include "fs/mount_options.def"
#undef OPT
};

static const struct opt_row rows[] = {
#define OPT(name, ...) OPT_ROW(struct settings, name, __VA_ARGS__)
#include "base/common_options.def"
#include "server/options.def"
#include "fs/mount_options.def"
#undef OPT
};
/* clang-format on */

static const char head[] =
	"# Settings of ttrunksfs and ttrunksd as environment variables. Copy this "
	"to .env\n"
	"# in the directory that they start in, and take the # off what you "
	"change.\n"
	"# A variable that is really set is stronger than .env. See "
	"ttrunks.conf(5).\n"
	"\n"
	"# The store, where the command line names none.\n"
	"TTRUNKSDB_DATA_DIR=./store\n"
	"\n"
	"# The configuration file, instead of STORE/ttrunks.conf or\n"
	"# /etc/ttrunks.conf.\n"
	"#TTRUNKSDB_CONFIG=\n"
	"\n";

int main(void)
{
	struct settings values;
	struct opt_set set;
	struct buf text = BUF_INIT;
	int r;

	r = opt_init(&set, rows, ARRAY_LEN(rows), &values);
	if (r < 0)
		return 1;
	r = opt_print_dotenv(&set, &text);
	if (r == 0) {
		(void)fputs(head, stdout);
		(void)fwrite(text.data, 1, text.len, stdout);
	}
	buf_fini(&text);
	opt_fini(&set);
	return r < 0 || fflush(stdout) != 0;
}
