/*
 * scan.h - credentials in bytes: which, where and how sure.  Pure: no files,
 * no allocation that outlives a call, no I/O; safe from several threads.
 *
 * A span is looked through once for the few bytes that every rule hangs on
 * (AVX2 or AVX-512 where the processor has it, else byte by byte: with equal
 * results),
 * and only around those does a rule look closer.  Whether something is a hit
 * depends on bytes that are at most IR_LEAK_REACH away from its beginning, so
 * a long file may be given in windows that overlap by so much, and a part of
 * one with as much before and behind it.
 *
 * Formats: AWS, "IAM identifiers" (unique id prefixes) and "Obtaining Amazon
 * SES SMTP credentials"; RFC 7468 and RFC 9580 armour.
 */
#ifndef IR_LEAK_SCAN_H
#define IR_LEAK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_LEAK_REACH 2048	/* bytes before and behind that count */
#define IR_LEAK_VALUE 512	/* bytes of a value at most */
#define IR_LEAK_NAME 64		/* bytes of a name at most */

enum ir_leak_kind {
	IR_LEAK_AWS_KEY,	/* access key id: not secret by itself */
	IR_LEAK_AWS_SECRET,	/* secret access key */
	IR_LEAK_SES_PASSWORD,	/* SMTP password of Amazon SES */
	IR_LEAK_MAIL_PASSWORD,	/* of another mail server or relay */
	IR_LEAK_PRIVATE_KEY,
	IR_LEAK_WEBHOOK,
	IR_LEAK_KINDS
};

/* How it was written; what the rules see is always the plain form. */
enum ir_leak_form {
	IR_LEAK_PLAIN,
	IR_LEAK_JSON,		/* \/ and \u002f */
	IR_LEAK_URL,		/* %2B, %2F */
	IR_LEAK_BASE64,
	IR_LEAK_UTF16,		/* little-endian */
	IR_LEAK_FORMS
};

/* How to look: all see the same.  For tests; the rest leaves it 0. */
enum ir_leak_way {
	IR_LEAK_FASTEST,	/* that the processor can */
	IR_LEAK_AVX2,		/* at most */
	IR_LEAK_SCALAR,		/* without vectors */
	IR_LEAK_WAYS
};

struct ir_leak_rules {
	unsigned kinds;		/* bits 1u << enum ir_leak_kind; 0: all */
	/*
	 * The span is a file of a mail server's client, one credential a
	 * line: lines of passwd.client, sasl_passwd and the like count.
	 */
	bool lines;
	enum ir_leak_way way;
};

struct ir_leak_hit {
	size_t offset, len;	/* in the span, as it is written there */
	enum ir_leak_kind kind;
	enum ir_leak_form form;
	const char *rule;	/* "aws-access-key-id": static */
	/*
	 * Plain, not NUL-terminated, borrowed for the call.  A secret for all
	 * kinds but IR_LEAK_AWS_KEY: never print it, wipe copies of it.
	 * Of a private key, the beginning of its base64.
	 */
	const char *value;
	size_t nvalue;
	/* What it is assigned to ("MAIL_PASSWORD"), clean; may be empty. */
	char name[IR_LEAK_NAME + 1];
	/* AWS_KEY: the account in it, else -1. */
	int64_t account;
	/* Something beside its shape speaks for it: name, key id near it. */
	bool context;
	/* AWS_SECRET, SES_PASSWORD: the access key id nearest to it, or "". */
	char key[21];
};

/* Return non-zero to end the scan. */
typedef int ir_leak_hit_fn(const struct ir_leak_hit *hit, void *arg);

/*
 * Look through n bytes; the hits that begin at from or behind it and before
 * to come one after the other, about in the order of their offsets.  What
 * fn returned if that ended it, else 0.  rules NULL: all, as for
 * any file.
 */
int ir_leak_scan(const struct ir_leak_rules *rules, const unsigned char *data,
    size_t n, size_t from, size_t to, ir_leak_hit_fn *fn, void *arg);

/* "aws-access-key-id", "aws-secret" ...: as records name a kind. */
const char *ir_leak_kind_name(enum ir_leak_kind kind);
const char *ir_leak_form_name(enum ir_leak_form form);

/*
 * The account that an access key id of 20 characters carries (ids made since
 * about 2019); -1: an older one, -2: not an id.
 */
int64_t ir_leak_account(const char *id);

#endif
