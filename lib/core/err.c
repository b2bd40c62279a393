/* err.c - see err.h */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "text.h"

static void
put(char *dst, size_t size, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
put(char *dst, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(dst, size, fmt, ap);
	ir_text_printable(dst);
}

int
ir_fail(struct ir_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	put(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	return -1;
}

int
ir_fail_errno(struct ir_err *err, int code, int e, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	err->code = code;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	put(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof err->msg - n, ": %s", strerror(e));
	return -1;
}

void
ir_hint(struct ir_err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	put(err->hint, sizeof err->hint, fmt, ap);
	va_end(ap);
}

void
ir_fail_prefix(struct ir_err *err, const char *fmt, ...)
{
	char old[sizeof err->msg];
	va_list ap;
	size_t n;

	if (!err)
		return;
	memcpy(old, err->msg, sizeof old);
	va_start(ap, fmt);
	put(err->msg, sizeof err->msg, fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof err->msg - n, ": %s", old);
}

int
ir_errno_code(int e, int otherwise)
{
	switch (e) {
	case EACCES:
	case EPERM:
	case EROFS:
		return IR_NOPERM;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return IR_OSERR;
	case EAGAIN:
	case ETIMEDOUT:
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return IR_TEMPFAIL;
	default:
		return otherwise;
	}
}

void
ir_tally_add(struct ir_tally *t, int code)
{
	if (code == IR_OK) {
		t->ok++;
		return;
	}
	if (t->failed++ && t->code != code)
		t->differ = 1;
	t->code = code;
	if (code == IR_TEMPFAIL)
		t->temp++;
	if (code == IR_UNKNOWN)
		t->unknown++;
}

int
ir_tally_code(const struct ir_tally *t)
{
	if (t->failed == 0)
		return IR_OK;
	if (t->unknown)
		return IR_UNKNOWN;
	if (t->temp == t->failed)
		return IR_TEMPFAIL;
	if (t->ok || t->differ)
		return IR_PARTIAL;
	return t->code;
}
