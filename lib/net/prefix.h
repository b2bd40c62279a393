/*
 * prefix.h - networks (ADDRESS/BITS), and a map from networks to numbers that
 * finds the longest one that holds an address.  Pure.
 */
#ifndef IR_PREFIX_H
#define IR_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnsbl.h"

#define IR_PREFIX_TEXT 64		/* bytes that hold one as text */
#define IR_PREFIX_MAX (1u << 22)	/* networks in one map */

struct ir_prefix {
	struct ir_ip ip;	/* bits past `bits` are zero */
	int bits;
};

/*
 * ADDRESS or ADDRESS/BITS; bits of the host are cleared.  ::ffff:0:0/96 stays
 * IPv6.  0, or -1 when it is none.
 */
int ir_prefix_parse(const char *s, struct ir_prefix *p);
/* The network of that many bits around an address; bits is cut to fit. */
void ir_prefix_of(const struct ir_ip *ip, int bits, struct ir_prefix *p);
char *ir_prefix_text(const struct ir_prefix *p, char *buf, size_t size);
bool ir_prefix_holds(const struct ir_prefix *p, const struct ir_ip *ip);

/* Like memcmp: IPv4 before IPv6, then by value. */
int ir_ip_cmp(const struct ir_ip *a, const struct ir_ip *b);

struct ir_prefix_map;

struct ir_prefix_map *ir_prefix_map_new(void);	/* NULL: no memory */
void ir_prefix_map_free(struct ir_prefix_map *m);
size_t ir_prefix_map_size(const struct ir_prefix_map *m);

/* Replaces what is there.  0, or -1: no memory, or IR_PREFIX_MAX of them. */
int ir_prefix_map_set(struct ir_prefix_map *m, const struct ir_prefix *p,
    uint32_t value);
/* That very network: true and *value. */
bool ir_prefix_map_get(const struct ir_prefix_map *m,
    const struct ir_prefix *p, uint32_t *value);
/*
 * The longest network of at most max bits (-1: any) that holds the address:
 * its bits and *value, or -1.
 */
int ir_prefix_map_find(const struct ir_prefix_map *m, const struct ir_ip *ip,
    int max, uint32_t *value);

#endif
