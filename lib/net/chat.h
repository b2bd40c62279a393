/*
 * chat.h - records as messages for a chat, in the form that each service
 * takes.  Pure: sending is the caller's (http.h).
 *
 * What stands in a record may come from an attacker's mail.  In a message no
 * link can be clicked (hxxp://host[.]example), nobody is called ("@everyone",
 * "<!channel>", "[toall]"), no markup of the service works, and access key
 * ids are cut to their last four characters.
 *
 * Sources: Slack "Sending messages using incoming webhooks" and "Block Kit";
 * Microsoft "Adaptive Cards" 1.4 and the Teams Workflows webhook; Chatwork
 * API v2 (rooms/messages); Google Chat incoming webhooks; Discord "Execute
 * Webhook"; PagerDuty Events API v2; LINE WORKS "Incoming Webhook"; Mattermost
 * "Incoming webhooks" (text of a post: 16383 characters); Typetalk API v1,
 * "Post message" (4000 characters; the service ended in December 2025).
 */
#ifndef IR_CHAT_H
#define IR_CHAT_H

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/record.h"

enum ir_chat_kind { IR_CHAT_SLACK, IR_CHAT_TEAMS, IR_CHAT_CHATWORK,
	IR_CHAT_GCHAT, IR_CHAT_DISCORD, IR_CHAT_PAGERDUTY, IR_CHAT_LINEWORKS,
	IR_CHAT_MATTERMOST, IR_CHAT_TYPETALK, IR_CHAT_JSON };

#define IR_CHAT_LINES 30	/* of one message; the rest is counted */
#define IR_CHAT_MAX 28000	/* bytes of the largest message: Teams */

struct ir_chat_line {
	char label[64];		/* may be empty */
	char value[400];
};

/* One message in the making; all zero at first. */
struct ir_chat {
	size_t records;
	char title[200];	/* of the first record */
	struct ir_chat_line fact[IR_CHAT_LINES];	/* of the first */
	size_t nfacts;
	struct ir_chat_line line[IR_CHAT_LINES];	/* one a record */
	size_t nlines;
	size_t failed, listed, unknown, quiet;	/* quiet: not worth a line */
	char type[32];		/* of all records; "" when they differ */
	char footer[256];
	char incident[128];	/* thread, PagerDuty's dedup_key; or "" */
	const char *action;	/* PagerDuty: NULL is "trigger"; borrowed */
};

/* "slack" and so on; -1 for another word. */
int ir_chat_kind(const char *word, size_t n);
const char *ir_chat_kind_word(enum ir_chat_kind kind);
/* Of the body: "application/json" or a form. */
const char *ir_chat_content_type(enum ir_chat_kind kind);

/* Add a record.  now, in seconds, is for what is left until it is due. */
void ir_chat_add(struct ir_chat *m, const struct ir_rec *rec, int64_t now);

/*
 * PagerDuty's body begins with this: the routing key, a secret, is put
 * between the quotes by who posts it.
 */
#define IR_CHAT_ROUTING "{\"routing_key\":\"\""

/* The body to post, appended.  0, or -1 and 70: too large. */
int ir_chat_render(const struct ir_chat *m, enum ir_chat_kind kind,
    struct ir_buf *out, struct ir_err *err);

/* Foreign text made harmless, whatever the service; one line. */
void ir_chat_defang(struct ir_buf *out, const char *s, size_t n);

/*
 * How long to wait before the next try, in milliseconds, from the body of a
 * 429 (Discord: {"retry_after": seconds}); 0 when it does not say.
 */
int64_t ir_chat_retry_after(const char *body, size_t n);

#endif
