/* staged.c - see staged.h */
#include <string.h>

#include "staged.h"

static int
bad(struct ir_err *err)
{
	return ir_fail(err, IR_PROTOCOL, "git diff: its output is not "
	    "understood");
}

/* ":100644 100644 OLD NEW M": the new mode and object. */
static int
header(const char *p, size_t n, char mode[7], char object[65])
{
	const char *field[4];
	size_t i, k = 0, len;

	if (n == 0 || p[0] != ':')
		return -1;
	for (i = 1; i < n; i++)
		if (p[i] == ' ') {
			if (k == 4)
				return -1;
			field[k++] = p + i + 1;
		}
	if (k != 4 || field[1] - field[0] != 7)
		return -1;
	memcpy(mode, field[0], 6);
	mode[6] = '\0';
	len = (size_t)(field[3] - field[2]) - 1;
	if (len != 40 && len != 64)
		return -1;
	memcpy(object, field[2], len);
	object[len] = '\0';
	return strspn(object, "0123456789abcdef") == len ? 0 : -1;
}

int
ir_leak_staged_next(const char *text, size_t n, size_t *at,
    struct ir_leak_staged *s, struct ir_err *err)
{
	const char *p, *end;
	char mode[7];

	while (*at < n) {
		p = text + *at;
		end = memchr(p, '\0', n - *at);
		if (!end || header(p, (size_t)(end - p), mode, s->object))
			return bad(err);
		*at += (size_t)(end - p) + 1;
		s->path = text + *at;
		end = memchr(s->path, '\0', n - *at);
		if (!end || end == s->path)
			return bad(err);
		*at += (size_t)(end - s->path) + 1;
		/* 160000: a submodule; 000000: deleted */
		if (strcmp(mode, "160000") != 0 &&
		    strcmp(mode, "000000") != 0)
			return 1;
	}
	return 0;
}
