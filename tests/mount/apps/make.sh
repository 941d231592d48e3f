# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
#
# A C project of forty files that we make up: what counts is that make sees
# the right times, and that the linker's mapped writes arrive.

modules=40

generate() {
	local i
	cat >Makefile <<-END
		.RECIPEPREFIX = >
		objects := \$(patsubst %,m%.o,\$(shell seq 1 $modules))
		prog: main.o libm.a
		> \$(CC) -o \$@ main.o libm.a
		libm.a: \$(objects)
		> rm -f \$@ && ar rc \$@ \$(objects)
		%.o: %.c
		> \$(CC) -O1 -MMD -c -o \$@ \$<
		clean:
		> rm -f *.o *.d *.a prog
		-include *.d
	END
	for i in $(seq 1 $modules); do
		printf 'int f%d(int);\n' "$i" >"m$i.h"
		printf '#include "m%d.h"\n#include "all.h"\n' "$i" >"m$i.c"
		printf 'int f%d(int n) { return n + STEP; }\n' "$i" >>"m$i.c"
	done
	echo '#define STEP 1' >all.h
	{
		cat m*.h
		printf 'int main(void)\n{\n\tint n = 0;\n\n'
		printf '\tn = f%d(n);\n' $(seq 1 $modules)
		# shellcheck disable=SC2028
		echo '	return n;
}'
	} >main.c
}

runs() {
	./prog
	[ $? -eq "$1" ]
}

builds() {
	cd "$1" && generate && make -s -j2 && runs $modules && make -q &&
		touch m7.c && make -n | grep -c MMD | grep -qx 1 &&
		make -s -j2 && echo '#define STEP 2' >all.h && ! make -q &&
		make -s -j2 && runs $((2 * modules)) && make -q &&
		make -s clean && [ ! -e prog ]
}

if command -v cc >/dev/null; then
	want make 'make -j2 builds what changed, and only that' builds
else
	tap_skip 'make -j2 builds what changed, and only that' \
		'there is no C compiler'
fi
