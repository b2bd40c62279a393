/*
 * counts.h - POSTs by where they went: the host and the path.  Of each are
 * kept how they were answered, by the hour, from which addresses and networks,
 * by which programs, whether mail followed, and some lines.
 *
 * Counts of several files are merged; what comes out does not depend on how
 * they were divided, as long as nothing had to be left out (uncounted).
 */
#ifndef IR_WEBLOG_COUNTS_H
#define IR_WEBLOG_COUNTS_H

#include "known.h"
#include "line.h"
#include "mails.h"
#include "set.h"

#define IR_WEB_URLS 65536	/* that are told apart */
#define IR_WEB_AGENTS 65536	/* programs, the same */
#define IR_WEB_SAMPLES 5	/* lines that are kept of each */
#define IR_WEB_SAMPLE 320	/* bytes of such a line; more is cut */
/* mail is looked for from so long before a request to so long after it */
#define IR_WEB_BEFORE 2
#define IR_WEB_AFTER 3
#define IR_WEB_SHIFT 47		/* and for comparison so far away */

struct ir_web_sample {
	uint64_t weight;	/* the least are kept: chance, but the same */
	int64_t time;
	uint32_t file;
	uint64_t line;
	char *text;		/* owned; NULL: free */
};

struct ir_web_url {
	char *key;		/* "host/path"; owned */
	uint64_t hash;
	size_t host_len;	/* of key; 0: the log names none */
	bool cut;		/* the path is longer */
	struct ir_web_known known;
	int user;		/* whose mail is looked at; of mails.h */
	uint64_t posts, ok;	/* ok: answered 2xx or 3xx */
	uint64_t answers[6];	/* by the first digit; 0: not known */
	/* of those that were ok: */
	uint64_t bare;		/* without a referer */
	uint64_t mailed;	/* mail in the same seconds */
	uint64_t shifted;	/* twice what chance would give */
	int64_t first, last;
	struct ir_web_set hours, nets, addresses, agents;
	struct ir_web_sample sample[IR_WEB_SAMPLES];
};

struct ir_web_agent {
	char *name;		/* owned; "" is none at all */
	uint64_t hash;
};

/*
 * What of a POST goes into sets: these are large, and their places are fetched
 * from memory while the next line is read.
 */
struct ir_web_waiting {
	struct ir_web_url *url;		/* borrowed; NULL: none waits */
	uint64_t net, address, agent;
	int64_t time;
	bool has_ip;
};

struct ir_web_counts {
	const struct ir_web_mails *mails;	/* borrowed, or NULL */
	struct ir_web_url **url;	/* by hash, NULL: free; owned */
	size_t nurls, cap;
	struct ir_web_agent *agent;	/* by hash; owned */
	size_t nagents, agent_cap;
	uint64_t posts, uncounted;
	uint64_t steps;		/* how often the clock went back */
	int64_t first, last, before;
	bool bad;		/* no memory */
	struct ir_web_waiting waiting;
	/* of the URL that is counted; here, so that it is cleared once */
	char key[sizeof ((struct ir_web_post *)0)->vhost + IR_WEB_PATH];
};

struct ir_web_counts *ir_web_counts_new(const struct ir_web_mails *mails);
void ir_web_counts_free(struct ir_web_counts *c);

/* Where a line is, for evidence. */
struct ir_web_where {
	const char *text;
	size_t n;
	uint32_t file;
	uint64_t line;
};

/* user: of an URL that is new; see ir_web_mails_user(). */
void ir_web_counts_add(struct ir_web_counts *c, const struct ir_web_post *p,
    const struct ir_web_where *w,
    int (*user)(const struct ir_web_post *p, void *arg), void *arg);
/* That was all: before anything is merged or asked. */
void ir_web_counts_end(struct ir_web_counts *c);
void ir_web_counts_merge(struct ir_web_counts *to,
    const struct ir_web_counts *from);

const struct ir_web_agent *ir_web_agent_of(const struct ir_web_counts *c,
    uint64_t hash);
/* An address's network, /24 or /48, as a key of a set, and as text. */
uint64_t ir_web_net(const struct ir_web_post *p);
char *ir_web_net_text(uint64_t net, char *buf, size_t size);

#endif
