/*
 * set.h - how often, since when and until when, by a number: a network, the
 * hash of a name, an hour.  What is in it does not depend on the order in
 * which it was told, as long as it is not full.
 */
#ifndef IR_WEBLOG_SET_H
#define IR_WEBLOG_SET_H

#include <stddef.h>
#include <stdint.h>

#define IR_WEB_SET_MAX 16384	/* entries of one set */

struct ir_web_entry {
	uint64_t key;
	int64_t first, last;
	uint32_t count;		/* 0: free */
};

struct ir_web_set {
	struct ir_web_entry *v;	/* cap of them, by hash; owned */
	size_t cap, n;
	uint64_t more;		/* counted of what there was no room for */
};

void ir_web_set_add(struct ir_web_set *s, uint64_t key, uint32_t count,
    int64_t first, int64_t last);
/* This key will be added: have its place fetched meanwhile. */
void ir_web_set_soon(const struct ir_web_set *s, uint64_t key);
const struct ir_web_entry *ir_web_set_get(const struct ir_web_set *s,
    uint64_t key);
void ir_web_set_merge(struct ir_web_set *to, const struct ir_web_set *from);
/*
 * Its entries at the front of v, most often first, then by key: for the end,
 * when nothing is added or asked any more.
 */
void ir_web_set_sort(struct ir_web_set *s);
void ir_web_set_free(struct ir_web_set *s);

/* A hash of bytes that is the same everywhere and always. */
uint64_t ir_web_hash(const void *bytes, size_t n, uint64_t seed);

#endif
