/* names.c - a list of names, each once; see names.h */
#include <stdlib.h>
#include <string.h>

#include "names.h"

bool
ir_names_have(const struct ir_names *l, const char *name)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name) == 0)
			return true;
	return false;
}

int
ir_names_add(struct ir_names *l, const char *name)
{
	char **more;

	if (ir_names_have(l, name))
		return 0;
	more = realloc(l->v, (l->n + 1) * sizeof *more);
	if (!more)
		return -1;
	l->v = more;
	more[l->n] = strdup(name);
	if (!more[l->n])
		return -1;
	l->n++;
	return 0;
}

void
ir_names_free(struct ir_names *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct ir_names){ 0 };
}
