/*
 * posture.h - the checks of sender-check: each asks the DNS and hands over
 * one finding or more.  A question that was not answered makes a finding
 * unknown, never bad.
 */
#ifndef IR_AUTH_POSTURE_H
#define IR_AUTH_POSTURE_H

#include "../net/dnsbl.h"
#include "dmarc.h"
#include "finding.h"
#include "resolve.h"
#include "transport.h"

struct ir_posture {
	struct ir_resolver *res;
	void (*put)(const struct ir_finding *f, void *arg);
	void *arg;
	int64_t now;
};

/* --- of an address ------------------------------------------------------ */

/*
 * Forward-confirmed reverse DNS.  name[] becomes the first confirmed name;
 * "" when there is none.
 */
void ir_posture_rdns(const struct ir_posture *p, const struct ir_ip *ip,
    char name[256]);
/* The name that the host says in HELO, and what SPF says of it. */
void ir_posture_helo(const struct ir_posture *p, const struct ir_ip *ip,
    const char *helo);

/* --- of a domain -------------------------------------------------------- */

/* Can mail be sent there: bounces, complaints (RFC 5321, 7505). */
void ir_posture_mx(const struct ir_posture *p, const char *domain);

/* The record for itself, as a stranger's address sees it. */
void ir_posture_spf(const struct ir_posture *p, const char *domain);
/* What mail from this address would get; sender may be NULL. */
void ir_posture_spf_ip(const struct ir_posture *p, const char *domain,
    const char *sender, const struct ir_ip *ip, const char *helo);

/* ses: the selector is a token of SES, whose key is Amazon's. */
void ir_posture_dkim(const struct ir_posture *p, const char *domain,
    const char *selector, bool ses);
/* No selector is known: can there be a key at all? */
void ir_posture_dkim_any(const struct ir_posture *p, const char *domain);

void ir_posture_dmarc(const struct ir_posture *p, const char *domain);
/*
 * Would DMARC pass for mail with this From, signed as dkim (NULL: not
 * signed) and sent with MAIL FROM of mail_from (NULL: SES's own)?
 */
void ir_posture_alignment(const struct ir_posture *p, const char *from,
    const char *dkim, const char *mail_from);

/* A custom MAIL FROM domain of SES in a region. */
void ir_posture_mail_from(const struct ir_posture *p, const char *mail_from,
    const char *region);
/* None is used: what would be needed. */
void ir_posture_mail_from_none(const struct ir_posture *p,
    const char *domain, const char *region);

/* The record; true: there is one, so there should be a policy. */
bool ir_posture_sts(const struct ir_posture *p, const char *domain);
/* The policy file that url gave. */
void ir_posture_sts_policy(const struct ir_posture *p, const char *domain,
    const char *url, const char *text, size_t n);
void ir_posture_tlsrpt(const struct ir_posture *p, const char *domain);
void ir_posture_dane(const struct ir_posture *p, const char *domain);

/* --- for those who make findings elsewhere ------------------------------ */

void ir_finding_begin(struct ir_finding *f, const char *subject,
    const char *check, const char *source);
/* Hand it over and free what is in it. */
void ir_finding_end(const struct ir_posture *p, struct ir_finding *f);
/* NAME. IN TXT "...", in strings of at most 255 bytes; a line to publish. */
void ir_finding_txt(struct ir_finding *f, const char *name,
    const char *value);

#endif
