/*
 * served.h - would a web server hand this file to whoever asks?  By
 * convention: folders that distributions, panels and frameworks serve.  What
 * the server's configuration says is not read.  Pure.
 */
#ifndef IR_LEAK_SERVED_H
#define IR_LEAK_SERVED_H

#include <stddef.h>

enum ir_leak_served {
	IR_SERVED_NO,		/* not below a folder that is served */
	IR_SERVED_RUN,		/* is run (.php): its text is not sent */
	IR_SERVED_DENIED,	/* .htaccess and the like: refused as a rule */
	IR_SERVED_YES
};

/*
 * path as it stands, root[n] further document roots.  *url, when not NULL,
 * is the part of path that the address would have ("/.env").
 */
enum ir_leak_served ir_leak_served(const char *path, const char *const *root,
    size_t n, const char **url);

/* "no", "run", "denied", "yes" */
const char *ir_leak_served_name(enum ir_leak_served s);

#endif
