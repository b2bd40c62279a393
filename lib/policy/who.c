/* who.c - see who.h */
#include <string.h>

#include "who.h"

bool
ir_policy_account(const char *principal, char account[13])
{
	const char *s = principal;
	int colon;

	if (strncmp(s, "arn:", 4) == 0)
		for (colon = 0; colon < 4; colon++) {
			s = strchr(s, ':');
			if (!s++)
				return false;
		}
	if (strspn(s, "0123456789") != 12 || (s[12] && s[12] != ':') ||
	    (s == principal && s[12]))
		return false;
	memcpy(account, s, 12);
	account[12] = '\0';
	return true;
}

static bool
is_account(const char *s)
{
	size_t n = strlen(s);

	return strncmp(s, "arn:", 4) != 0 ? n == 12 :
	    n > 5 && strcmp(s + n - 5, ":root") == 0;
}

/* "arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION" of this role? */
static bool
is_session_of(const char *s, const struct ir_policy_who *w)
{
	const char *name = strrchr(w->arn, '/');
	const char *at = strstr(s, ":assumed-role/");
	size_t n;

	if (!name || !at)
		return false;
	n = strlen(++name);
	at += strlen(":assumed-role/");
	return strncmp(at, name, n) == 0 && at[n] == '/';
}

/* How the texts of Principal or NotPrincipal name who asks. */
struct names {
	const struct ir_policy_who *who;
	bool exact, session, account, everybody, odd;
};

static void
one_name(struct names *n, const char *kind, const char *s)
{
	const struct ir_policy_who *w = n->who;
	char account[13];

	if (strcmp(kind, "AWS") != 0) {
		n->exact = n->exact ||
		    (w->kind == IR_POLICY_OTHER && strcmp(s, w->arn) == 0);
		return;
	}
	if (strcmp(s, "*") == 0)
		n->everybody = true;
	else if (strcmp(s, w->arn) == 0 || (w->id && strcmp(s, w->id) == 0))
		n->exact = true;
	else if (!ir_policy_account(s, account))
		n->odd = n->odd || strchr(s, '*');
	else if (strcmp(account, w->account) != 0)
		;
	else if (is_account(s))
		n->account = true;
	else if (w->kind == IR_POLICY_ROLE && is_session_of(s, w))
		n->session = true;
	else if (strchr(s, '*'))
		n->odd = true;
}

static int
one_kind(const char *kind, const struct ir_rec *v, void *arg)
{
	size_t i;

	if (ir_rec_kind(v) == IR_REC_STRING)
		one_name(arg, kind, ir_rec_cstr(v));
	for (i = 0; ir_rec_kind(v) == IR_REC_ARRAY && i < ir_rec_len(v); i++)
		one_name(arg, kind, ir_rec_cstr(ir_rec_item(v, i)));
	return 0;
}

static void
read_names(const struct ir_rec *v, struct names *n)
{
	if (ir_rec_kind(v) == IR_REC_STRING)
		n->everybody = true;
	else
		(void)ir_rec_each(v, one_kind, n);
}

static enum ir_tri
named(struct ir_policy_eval *e, const struct names *n, bool deny)
{
	bool other = n->who->kind == IR_POLICY_OTHER;

	if (n->exact || (n->account && (deny || other)) ||
	    (deny && n->everybody))
		return IR_TRI_YES;
	if (n->session)
		return ir_policy_maybe(e, "the name of", "the session");
	return n->odd ? ir_policy_maybe(e, "a wildcard in", "Principal") :
	    IR_TRI_NO;
}

/* All but these are denied.  Is it one of them? */
static enum ir_tri
not_named(struct ir_policy_eval *e, const struct names *n, bool bounded)
{
	if (n->everybody)
		return IR_TRI_NO;
	if (bounded || (!n->exact && !n->session && !n->odd &&
	    !(n->account && n->who->kind == IR_POLICY_OTHER)))
		return IR_TRI_YES;
	/* the session of a role has a name of its own, to be listed, too */
	if (n->exact && n->account && n->who->kind == IR_POLICY_USER)
		return IR_TRI_NO;
	if (n->who->kind == IR_POLICY_OTHER)
		return IR_TRI_NO;
	return ir_policy_maybe(e, "what", "NotPrincipal spares");
}

void
ir_policy_who(struct ir_policy_eval *e, const struct ir_rec *statement,
    bool deny, bool bounded, struct ir_policy_naming *by)
{
	const struct ir_rec *v = ir_rec_at(statement, "Principal");
	bool other = !v;
	struct names n = { .who = e->request->who };

	*by = (struct ir_policy_naming){ IR_TRI_NO, IR_TRI_NO };
	if (!n.who) {
		by->named = ir_policy_maybe(e, "who", "asks");
		return;
	}
	if (other)
		v = ir_rec_at(statement, "NotPrincipal");
	read_names(v, &n);
	if (!other) {
		by->named = named(e, &n, deny);
		by->all = n.everybody && !deny ? IR_TRI_YES : IR_TRI_NO;
	} else if (deny) {
		by->named = not_named(e, &n, bounded);
	} else if (!n.exact) {
		by->all = ir_policy_maybe(e, "NotPrincipal with", "Allow");
	}
}
