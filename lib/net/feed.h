/*
 * feed.h - the data of a list, read from its file instead of asked for by
 * DNS: sorted ranges and names in memory.
 *
 * Forms of file, told apart line by line unless one is named:
 *
 *	ip4set, ip4trie, ip6trie, dnset		rbldnsd(8)
 *	drop	"192.0.2.0/24 ; SBL1", Spamhaus's DROP as text
 *	json	DROP as JSON Lines: "cidr" (or "ip", "domain") and "sblid"
 *	csv	the first column that is an address, a network or a domain,
 *		or the one whose heading says so; the next one is the reason
 *
 * The most specific entry decides, as in rbldnsd's ip4trie; with ip4set, as
 * in that, an exclusion wins over all entries of its level (/8, /16, /24,
 * /32).  Reading is pure, and bounded: IR_FEED_MAX_*.
 */
#ifndef IR_FEED_H
#define IR_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "prefix.h"

#define IR_FEED_MAX_BYTES (1u << 30)	/* of one file */
#define IR_FEED_MAX_ENTRIES (20u << 20)
#define IR_FEED_MAX_LINE 4096		/* longer ones are not understood */

enum ir_feed_type { IR_FEED_AUTO, IR_FEED_IP4SET, IR_FEED_IP4TRIE,
	IR_FEED_IP6TRIE, IR_FEED_DNSET, IR_FEED_DROP, IR_FEED_JSON,
	IR_FEED_CSV };

/* "ip4set" and so on; -1 for another word. */
int ir_feed_type(const char *word, size_t n);

struct ir_feed;

struct ir_feed_info {
	size_t entries;		/* that were read */
	size_t ranges, names;	/* that are in memory */
	size_t bad, first_bad;	/* lines not understood; line of the first */
	unsigned kinds;		/* 1 << enum ir_dnsbl_kind: what it has */
};

/*
 * Read n bytes.  Lines that are not understood are counted.  0, or -1: 65
 * nothing in it was understood, or too much, 71.
 */
int ir_feed_read(struct ir_feed **f, const char *bytes, size_t n,
    enum ir_feed_type type, struct ir_feed_info *info, struct ir_err *err);
void ir_feed_free(struct ir_feed *f);

struct ir_feed_hit {
	uint32_t a;		/* what rbldnsd would answer: 127.0.0.2 */
	const char *text;	/* borrowed; as written, see ir_feed_text */
};

/* Is it listed? */
bool ir_feed_ip(const struct ir_feed *f, const struct ir_ip *ip,
    struct ir_feed_hit *hit);
bool ir_feed_name(const struct ir_feed *f, const char *name,
    struct ir_feed_hit *hit);

/*
 * The parts of a network that are listed, as networks, in order; fn may
 * return non-zero to stop.  What fn returned last.  *count (may be NULL) is
 * how many addresses that were.
 */
int ir_feed_net(const struct ir_feed *f, const struct ir_prefix *net,
    int (*fn)(const struct ir_prefix *part, const struct ir_feed_hit *hit,
    void *arg), void *arg, uint64_t *count);

/* The text of a hit, with rbldnsd's "$" replaced; cut at size. */
char *ir_feed_text(const struct ir_feed *f, const struct ir_feed_hit *hit,
    const char *key, char *buf, size_t size);

#endif
