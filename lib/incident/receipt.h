/*
 * receipt.h - what became of an acknowledgement after somebody took it to
 * pass it on: a delivery status notification (dsn.h), or the line of the
 * relay's Exim log that says who took it.
 *
 * Whoever knows a Message-ID of ours can forge either.  A notification can
 * therefore start the clock again, and never stop it; what stops it is a log
 * that a person pointed at, or a person's word.
 */
#ifndef IR_RECEIPT_H
#define IR_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../mail/dsn.h"
#include "ack.h"
#include "journal.h"

/*
 * The acknowledgement of an incident that a notification is about, by the
 * Message-ID of what came back (or, where SES has put its own in its place,
 * by that or by References).  1 and *a, 0 none, or -1: 65, 66.
 */
int ir_receipt_find(const char *dir, const struct ir_dsn *d,
    struct ir_ack *a, struct ir_err *err);

/*
 * The recipient of it that counts: the one it was sent to, else one that is
 * no copy (AWS may forward it), the worst first.  NULL: only of copies.
 */
const struct ir_dsn_recipient *ir_receipt_of(const struct ir_dsn *d,
    const struct ir_ack *a);

/*
 * Take it in: failed, "ack.bounced"; delayed, "ack.delayed"; anything else
 * changes nothing, nor does one that was taken in before.  raw becomes
 * evidence first.  The lock (ir_ack_lock) is held and *a is as the journal
 * has it.  1 written, 0 nothing to write and why (static, or NULL), or -1:
 * 65 nothing was sent that could come back, 73, 74.
 */
int ir_receipt_take(struct ir_journal *j, const char *dir, struct ir_ack *a,
    const struct ir_dsn *d, const char *raw, size_t n, const char **why,
    struct ir_err *err);

/* What an Exim log says of one acknowledgement: the strongest word wins. */
enum ir_receipt_word {
	IR_RECEIPT_NONE,	/* it is not there */
	IR_RECEIPT_QUEUED,	/* the relay got it */
	IR_RECEIPT_DEFERRED,	/* it will try again */
	IR_RECEIPT_ELSEWHERE,	/* another host took it, not the recipient's */
	IR_RECEIPT_FAILED,	/* refused for good */
	IR_RECEIPT_DELIVERED
};

struct ir_receipt_look {
	const struct ir_ack *ack;
	const char *host;	/* takes mail for the recipient; or NULL */
	int64_t now;
	/* what was found */
	char id[8][28];		/* of the message at the relay */
	size_t nids;
	enum ir_receipt_word word;
	char line[512];		/* that says so; printable */
};

/*
 * One line, pure.  Counts as the recipient's: hosts of AWS, those at or below
 * the recipient's own domain, and host.  Lines of before the last bounce are
 * passed over.
 */
void ir_receipt_line(struct ir_receipt_look *l, const char *s, size_t n);

#endif
