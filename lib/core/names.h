/*
 * names.h - a list of names, each once, that grows: who is met on the way.
 */
#ifndef IR_NAMES_H
#define IR_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct ir_names {
	char **v;		/* owned, in the order they came in */
	size_t n;
};

/* Put a copy of the name in, if it is new.  0, or -1: no memory. */
int ir_names_add(struct ir_names *l, const char *name);
bool ir_names_have(const struct ir_names *l, const char *name);
void ir_names_free(struct ir_names *l);

#endif
