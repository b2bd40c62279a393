/* exim_expr.c - fuzz the parser of --where, and what comes of its trees */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exim/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every node points to older ones, and has what its kind needs. */
static void
check(const struct ir_expr *x)
{
	const struct ir_expr_node *n;
	size_t i;

	for (i = 0; i < x->n; i++) {
		n = &x->v[i];
		if (n->op <= IR_X_NOT && ((size_t)n->a >= i ||
		    (n->op != IR_X_NOT && (size_t)n->b >= i)))
			abort();
		if ((n->op == IR_X_IS || n->op == IR_X_MATCHES) && (!n->text ||
		    !*n->text))
			abort();
		if (n->field == IR_F_HEADER && n->op > IR_X_NOT && !n->name)
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_expr *x = calloc(1, sizeof *x);
	char *s = malloc(n ? n : 1);
	int root;

	memcpy(s, data, n);
	if (ir_expr_parse(x, s, n, &root, NULL) == 0) {
		if ((size_t)root >= x->n)
			abort();
		check(x);
	}
	ir_expr_free(x);
	free(x);
	free(s);
	return 0;
}
