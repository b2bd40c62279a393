/*
 * dnsbl_delist.h - what to do about listings, in the order of what they do
 * to delivery.  Pure.
 */
#ifndef IR_DNSBL_DELIST_H
#define IR_DNSBL_DELIST_H

#include "../core/buf.h"
#include "../core/record.h"
#include "dnsbl.h"

#define IR_DNSBL_MAX_TODO 100000

struct ir_dnsbl_todo {
	const struct ir_dnsbl_zone *zone;	/* borrowed */
	char id[320];
	enum ir_dnsbl_severity severity;
	char meanings[256], reason[512];
};

struct ir_dnsbl_todos {
	struct ir_dnsbl_todo *v;	/* owned */
	size_t n, cap;
};

/* 0, or -1: 71, 65 too many. */
int ir_dnsbl_todo_add(struct ir_dnsbl_todos *t,
    const struct ir_dnsbl_zone *z, const char *id,
    const struct ir_dnsbl_result *v, const char *reason,
    struct ir_err *err);
/* By tier, severity, list and target. */
void ir_dnsbl_todo_sort(struct ir_dnsbl_todos *t);
void ir_dnsbl_todo_free(struct ir_dnsbl_todos *t);

/* As a record of type "delist"; order counts from 1. */
struct ir_rec *ir_dnsbl_todo_record(const struct ir_dnsbl_todo *d,
    size_t order);
/* The same for people: a paragraph. */
void ir_dnsbl_todo_text(const struct ir_dnsbl_todo *d, size_t order,
    struct ir_buf *out);

#endif
