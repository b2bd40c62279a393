/*
 * rules.h - lines for fail2ban, nginx and Apache that would stop what was
 * found, as text for a person to read.  What is in it came from a log that
 * strangers write: a path or a host with any byte that could mean something
 * there is refused, and counted, not quoted.
 *
 * Sources: jail.conf(5) (fail2ban 1.0); nginx ngx_http_rewrite_module,
 * ngx_http_access_module; Apache "Expressions" (ap_expr), mod_authz_core.
 */
#ifndef IR_WEBLOG_RULES_H
#define IR_WEBLOG_RULES_H

#include <stddef.h>

#include "../core/buf.h"
#include "score.h"

enum ir_web_server { IR_WEB_FAIL2BAN, IR_WEB_NGINX, IR_WEB_APACHE };

struct ir_web_rules {
	enum ir_web_server server;
	const struct ir_web_score *score;	/* what is to be stopped */
	size_t nscores;
	const struct ir_web_who *who;		/* networks only are used */
	size_t nwhos;
	const char *const *allow;	/* networks that are never blocked */
	size_t nallow;
	const char *const *logs;	/* that fail2ban is to read */
	size_t nlogs;
};

/*
 * A part begins with "# == NAME: where it belongs".  How many rules, and
 * *refused: of how many URLs there is none.
 */
size_t ir_web_rules(const struct ir_web_rules *r, struct ir_buf *out,
    size_t *refused);

/* May it be written where a '"' ends it?  Letters, digits and "._~/-". */
bool ir_web_plain(const char *s);

#endif
