/* SPDX-License-Identifier: MIT */
#include "bench/common/units.h"

#include <stdio.h>
#include <string.h>

/* "1.50" becomes "1.5", "2.00" becomes "2". */
static void drop_zeros(char *number)
{
	char *end = number + strlen(number);

	if (!strchr(number, '.'))
		return;
	while (end[-1] == '0')
		*--end = 0;
	if (end[-1] == '.')
		*--end = 0;
}

const char *units_short(double v, char out[UNITS_TEXT])
{
	static const char *const units[] = { "", "k", "M", "G", "T" };
	char number[16];
	int unit = 0, digits = 2;

	while (v >= 999.5 && unit < 4) {
		v /= 1000;
		unit++;
	}
	if (v >= 99.95)
		digits = 0;
	else if (v >= 9.995)
		digits = 1;
	else if (v < 0.9995)
		digits = 3;
	snprintf(number, sizeof(number), "%.*f", digits, v);
	drop_zeros(number);
	snprintf(out, UNITS_TEXT, "%s%s", number, units[unit]);
	return out;
}
