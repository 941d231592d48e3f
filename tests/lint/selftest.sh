#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The lints themselves: each finds what is wrong in a bad sample, and finds
# nothing in a good one.
set -u

. "$TT_SRCDIR/tests/tap.sh"
. "$TT_SRCDIR/tests/lint/rules.sh"

sample=$(mktemp -d) || exit 1
trap 'rm -rf "$sample"' EXIT
cd "$sample" || exit 1

# put FILE: writes standard input there.
put() {
	mkdir -p "$(dirname "$1")"
	cat >"$1"
}

# function_of_lines N: a C function whose body has N lines.
function_of_lines() {
	printf 'void f(void)\n{\n'
	yes '	g();' | head -n "$1"
	printf '}\n'
}

# finds NAME RULE FILE:LINE: exactly this finding of c_rules.awk.
finds() {
	tap_is "$1" "$(rule_c | sed 's/: .*//')" "$2 $3"
	rm -rf src fs tests data
}

# passes NAME: no finding of c_rules.awk.
passes() {
	tap_is "$1" "$(rule_c)" ''
	rm -rf src fs tests data
}

# refuses FILE HEADER-LINE: the layer table forbids this line there.
refuses() {
	printf '/* one */\n%s\n' "$2" | put "$1"
	finds "$1 may not have $2" include "$1:2"
}

# accepts FILE HEADER-LINE
accepts() {
	printf '/* one */\n%s\n' "$2" | put "$1"
	passes "$1 may have $2"
}

refuses src/base/x.c '#include "lsm/db.h"'
refuses src/base/x.c '#include "ttrunks.h"'
refuses src/lsm/x.c '#include "tree/tree.h"'
refuses src/lsm/x.h '#include "../base/buf.h"'
refuses src/lsm/x.c '#include "db.h"'
refuses src/lsm/x.c '#include <lz4.h>'
refuses src/tree/x.c '#include "lsm/db.h"'
refuses src/tree/x.c '#include <cjson/cJSON.h>'
refuses src/tree/x.c '#include <fuse_lowlevel.h>'
refuses src/server/x.c '#include "tree/inode.h"'
refuses src/server/x.c '#include <fuse_lowlevel.h>'
refuses src/tools/cli_main.c '#include "lsm/sst_reader.h"'
refuses src/tools/fsck_main.c '#include "lsm/db.h"'
refuses src/tools/cli_main.c '#include "server/server.h"'
refuses fs/ll_dir.c '#include "tree/dir.h"'
refuses fs/ll_dir.c '#include "lsm/db.h"'
refuses fs/ll_dir.c '#include "server/server.h"'
refuses src/tools/client.c '#include "server/conn.h"'
refuses fs/ll_dir.c '#  include <uv.h>'
refuses tests/api/test_x.c '#include "base/buf.h"'
refuses data/examples/x.c '#include "base/buf.h"'
refuses tests/unit/test_x.c '#include "test_y.h"'

accepts src/lsm/x.c '#include "base/buf.h"'
accepts src/tree/x.c '#include "ttrunks.h"'
accepts src/tools/dump_sst.c '#include "lsm/sst_reader.h"'
accepts src/tools/fsck_main.c '#include "lsm/sst_format.h"'
accepts src/tools/ttrunksd_main.c '#include "server/server.h"'
accepts src/tools/client.c '#include "server/json_in.h"'
accepts fs/ttrunksfs_main.c '#include "server/server.h"'
accepts fs/ll_dir.c '#include <fuse_lowlevel.h>'
accepts tests/unit/test_x.c '#include "lsm/memindex.h"'
accepts tests/api/test_x.c '#include "ttrunks.h"'
accepts tests/api/test_x.c '#include "api/api.h"'

for name in strcpy strcat sprintf strncpy atoi strtok alloca time; do
	printf 'int x = 1;\nint y = %s(0);\n' $name | put src/lsm/x.c
	finds "$name() is banned" banned src/lsm/x.c:2
done
put src/base/env_posix.c <<<'long now = time(NULL);'
passes 'env may ask for the time'
put src/lsm/x.c <<'END'
/* strcpy(a, b) and
 * sprintf(c) in a comment */
int x = puts("atoi(d) \" atoi(e)");
int y = env->time(0) + my_strcpy(1) + snprintf(0); /* time(0) */
END
passes 'comments, strings, members and longer names are no calls'

yes 'int x;' | head -n 901 | put src/lsm/x.c
finds 'a file of 901 lines is too long' length src/lsm/x.c:901
yes 'int x;' | head -n 601 | put src/lsm/x.c
finds 'a file of 601 lines gets a warning' warn-length src/lsm/x.c:601
yes 'int x;' | head -n 600 | put src/lsm/x.c
passes 'a file of 600 lines gets none'

function_of_lines 101 | put src/lsm/x.c
finds 'a function of 101 lines is too long' function src/lsm/x.c:2
function_of_lines 100 | put src/lsm/x.c
passes 'a function of 100 lines is not'
function_of_lines 200 | sed '3s|^|	/* flat switch */\n|' | put src/lsm/x.c
passes 'a flat switch may be longer'

put src/lsm/x.c <<<'int x;'
tap_is 'a folder without README.md is found' \
	"$(rule_readme)" 'src/lsm/README.md: missing'
put src/lsm/README.md <<<'# lsm'
tap_is 'a folder with one is not' "$(rule_readme)" ''

put src/lsm/local.mk <<'END'
liblsm_la_SOURCES += %D%/xx.c %D%/x.cc
EXTRA_DIST += %D%/README.md
END
tap_is 'a file that no local.mk names is found' \
	"$(rule_listed)" 'src/lsm/x.c: in no local.mk'
put src/lsm/local.mk <<'END'
liblsm_la_SOURCES += \
	%D%/x.c
EXTRA_DIST += %D%/README.md
END
tap_is 'a file that one names is not' "$(rule_listed)" ''
put tests/unit/test_x.c <<<'int x;'
put tests/unit/local.mk <<<'test_programs += %D%/test_x'
tap_is 'a test program is named without .c' "$(rule_listed)" ''

put README.md <<'END'
See [one](src/lsm/README.md), [two](https://example.org/), `[code](no)`
and [three](docs/NOWHERE.md#part).
END
tap_is 'a link to nowhere is found' \
	"$(rule_links)" './README.md: no docs/NOWHERE.md#part'
rm -rf README.md src tests

cp "$TT_SRCDIR/.clang-format" .
put src/lsm/x.c <<'END'
int f(void)
{
    return 0;
}
END
if formatter=$(find_formatter); then
	if $formatter --dry-run -Werror src/lsm/x.c 2>/dev/null; then
		tap_not_ok 'indentation by spaces is found'
	else
		tap_ok 'indentation by spaces is found'
	fi
else
	tap_skip 'indentation by spaces is found' 'no clang-format 14'
fi

if command -v man >/dev/null; then
	put bad.1 <<'END'
.TH BAD 1 2026-01-01 x
.SH NAME
bad \- a page with a macro that is none
.NOSUCH
.SH DESCRIPTION
Text.
END
	findings=$(rule_man bad.1)
	tap_run 'a warning of man is found' grep -q NOSUCH <<<"$findings"
	tap_run 'a missing section is found' grep -q 'SEE ALSO' <<<"$findings"
else
	tap_skip 'a warning of man is found' 'no man'
fi

if command -v shellcheck >/dev/null; then
	put bad.sh <<'END'
#!/bin/sh
# SPDX-License-Identifier: MIT
rm -rf $1/*
END
	tap_is 'an unquoted variable is found' "$(shell_scripts)" ./bad.sh
	if rule_shell >/dev/null; then
		tap_not_ok 'shellcheck fails on it'
	else
		tap_ok 'shellcheck fails on it'
	fi
else
	tap_skip 'an unquoted variable is found' 'no shellcheck'
fi

tap_done
