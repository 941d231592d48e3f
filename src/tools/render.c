/* SPDX-License-Identifier: MIT */
#include "tools/render.h"

#include <string.h>

#include "server/utf8.h"

/* C1 controls (U+0080 to U+009F) drive terminals as C0 ones do. */
static bool is_printable(const unsigned char *p, size_t n)
{
	if (n == 1)
		return *p >= 0x20 && *p != 0x7f && *p != '\\';
	return !(n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

static void put_escaped(FILE *f, unsigned char c)
{
	switch (c) {
	case '\n':
		(void)fputs("\\n", f);
		break;
	case '\t':
		(void)fputs("\\t", f);
		break;
	case '\\':
		(void)fputs("\\\\", f);
		break;
	default:
		(void)fprintf(f, "\\x%02x", c);
	}
}

/* Write errors stay with the stream: main() checks it once. */
void render_bytes(FILE *f, struct tt_slice s, bool raw, bool keep_lines)
{
	const unsigned char *p = s.data;
	size_t n = s.len;

	if (raw) {
		(void)fwrite(s.data, 1, s.len, f);
		return;
	}
	while (n > 0) {
		size_t k = utf8_sequence(p, n);

		if (keep_lines && (*p == '\n' || *p == '\\' || *p == '\t')) {
			(void)fputc(*p, f);
			k = 1;
		} else if (k > 0 && is_printable(p, k)) {
			(void)fwrite(p, 1, k, f);
		} else {
			put_escaped(f, *p);
			k = 1;
		}
		p += k;
		n -= k;
	}
}

const char *render_count(unsigned long long v, char *text)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", v);
	char *to = text;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}
