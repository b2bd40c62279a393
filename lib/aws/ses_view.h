/*
 * ses_view.h - all that can be read about SES in many regions at once, and
 * for each part that could not, why.  Changes nothing.
 */
#ifndef IR_SES_VIEW_H
#define IR_SES_VIEW_H

#include "client.h"
#include "ses.h"
#include "ses_history.h"

/*
 * The parts of a region, each one call (or list).  Sources: SESv2 API
 * Reference; CloudWatch AWS/SES; Mail Manager API Reference.
 */
enum ir_ses_part {
	IR_SES_ACCOUNT,		/* GetAccount */
	IR_SES_METRICS,		/* GetMetricData; its Send, if denied, is
				   SES GetSendStatistics' */
	IR_SES_IDENTITIES,	/* ListEmailIdentities, GetEmailIdentity */
	IR_SES_SETS,		/* ListConfigurationSets, and
				   GetConfigurationSetEventDestinations */
	IR_SES_SUPPRESSED,	/* ListSuppressedDestinations */
	IR_SES_IPS,		/* GetDedicatedIps */
	IR_SES_INGRESS,		/* Mail Manager ListIngressPoints */
	IR_SES_PARTS
};

#define IR_SES_QUARTERS (14 * 96)	/* 14 days: as far back as SES itself
					   counts */

/* "account", "metrics", ... */
const char *ir_ses_part_name(enum ir_ses_part part);

struct ir_ses_view {
	char name[40];		/* given */
	bool disabled;		/* the account has not opted in */
	struct ir_err err[IR_SES_PARTS];	/* code 0: that is known */

	struct ir_rec *account;	/* the reply; owned; NULL: not known */
	/* CloudWatch; rates are fractions; -1: none in the window */
	double sent[IR_HISTORY_HOURS];	/* by the hour, oldest first */
	/* the same by the quarter of an hour, when that was asked for */
	double quarter[IR_SES_QUARTERS];
	bool has_sent, from_statistics;
	double bounce, complaint;
	/*
	 * Arrays of objects; owned.  Of an identity: name, kind, verified,
	 * sending, and after GetEmailIdentity dkim, dkim_key (time),
	 * dkim_tokens or dkim_selector, mail_from,
	 * configuration_set, policies (count), asked; after a look into
	 * Event history created, created_by, created_ip.
	 * Of a set: name, asked, destinations, evidence (enabled, of SEND).
	 */
	struct ir_rec *identities, *sets;
	bool history_read;	/* for the age of identities */
	struct ir_err history_err;
	size_t suppressed;
	bool suppressed_more;	/* counting was given up there */
	size_t ips;
	struct ir_rec *ingress;	/* Mail Manager's own objects */
};

struct ir_ses_view_opts {
	int64_t now;
	size_t hours;		/* of history: at most IR_HISTORY_HOURS */
	bool quarters;		/* too; then at most IR_SES_QUARTERS / 4 */
	size_t details;		/* most identities and sets asked one by one,
				   in each region: AWS answers one a second */
	/* These identities are asked first; may be NULL. */
	bool (*first)(const char *identity, void *arg);
	void *arg;
};

/* When the first hour begins: unix time. */
int64_t ir_ses_view_start(const struct ir_ses_view_opts *o);

/* 0, or -1 and 71: then nothing was asked.  Free all v in any case. */
int ir_ses_view_read(struct ir_aws *a, struct ir_ses_view *v, size_t n,
    const struct ir_ses_view_opts *o, struct ir_err *err);
void ir_ses_view_free(struct ir_ses_view *v, size_t n);

#endif
