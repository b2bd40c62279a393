/*
 * transport.h - what a domain publishes about TLS to its mail hosts: MTA-STS
 * (RFC 8461), TLS reporting (RFC 8460), TLSA (RFC 6698, 7672).  Pure.
 */
#ifndef IR_AUTH_TRANSPORT_H
#define IR_AUTH_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#define IR_STS_POLICY_MAX 65536	/* bytes of a policy (RFC 8461, 3.3) */
#define IR_STS_MX_MAX 64
#define IR_STS_LINES_MAX 1000

/* Begins with "v=STSv1;"?  Of the TXT records only these count. */
bool ir_sts_is_record(const char *s, size_t n);
/* NULL: fine, and id is its id; else what is wrong. */
const char *ir_sts_record(const char *s, size_t n, char id[33]);

enum ir_sts_mode { IR_STS_NONE, IR_STS_TESTING, IR_STS_ENFORCE };

struct ir_sts_policy {
	enum ir_sts_mode mode;
	long max_age;		/* seconds */
	char mx[IR_STS_MX_MAX][256];	/* lower case; "*." may begin one */
	size_t nmx;
	bool more_mx;		/* there were more than that */
};

/* NULL: fine; else what is wrong.  Unknown keys are passed over. */
const char *ir_sts_policy(const char *s, size_t n, struct ir_sts_policy *p);
const char *ir_sts_mode_word(enum ir_sts_mode m);
/* RFC 8461, 4.1: "*." stands for one label. */
bool ir_sts_mx_ok(const struct ir_sts_policy *p, const char *host);

/* Begins with "v=TLSRPTv1;"? */
bool ir_tlsrpt_is_record(const char *s, size_t n);
const char *ir_tlsrpt_record(const char *s, size_t n);

/*
 * One TLSA record as raw data: text gets "3 1 1 0a0b...", cut.  NULL: mail
 * can use it (RFC 7672, 3.1); else why not.
 */
const char *ir_tlsa(const unsigned char *p, size_t n, char text[160]);

#endif
