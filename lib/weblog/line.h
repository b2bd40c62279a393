/*
 * line.h - a line of a web server's access log that tells of a POST: Apache's
 * and nginx's common and combined form (a virtual host, syslog's front, more
 * fields at the end may be there), and one JSON object a line.  Pure.
 *
 * Sources: Apache mod_log_config (%h %l %u %t "%r" %>s %b, %v:%p in front);
 * nginx ngx_http_log_module (combined; escape=default writes \xHH,
 * escape=json); Caddy's and Traefik's JSON access logs.
 */
#ifndef IR_WEBLOG_LINE_H
#define IR_WEBLOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_WEB_PATH 256		/* bytes of a path; more is cut */
#define IR_WEB_AGENT 160	/* bytes of a browser's name; more is cut */

struct ir_web_post {
	int64_t time;		/* of the request, epoch */
	bool v6;
	uint8_t ip[16];		/* 4 or 16 of them; zero: see has_ip */
	bool has_ip;		/* the client is an address, not a name */
	int status;		/* 100-599; 0: not known */
	char vhost[128];	/* lower case, no port; "" */
	/* without query; %HH of what needs none undone, "//" made "/" */
	char path[IR_WEB_PATH];
	bool path_cut;
	char agent[IR_WEB_AGENT];
	bool referer;		/* there is one */
};

/* Could there be a POST in it?  What is not looked at closer. */
bool ir_web_maybe(const char *line, size_t n);

/*
 * 1: it tells of a POST; 0: of something else; -1: it seems to tell of one,
 * and is torn, or of a form that is not known.
 */
int ir_web_line(const char *line, size_t n, struct ir_web_post *post);

/* Is it a line of an access log at all, of whatever request? */
bool ir_web_is_log(const char *line, size_t n);

/* A name that may be a virtual host's; lower case, port cut off.  "" if not. */
void ir_web_host(const char *p, size_t n, char *to, size_t size);

#endif
