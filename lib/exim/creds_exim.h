/*
 * creds_exim.h - ask Exim itself what a configuration means, before and
 * after it is changed: "exim -bV" accepts an empty file, so that alone says
 * little.
 */
#ifndef IR_CREDS_EXIM_H
#define IR_CREDS_EXIM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"

/* The configuration file that Exim reads.  0, or -1: 66, 75, 78. */
int ir_creds_exim_file(const char *exim, char path[PATH_MAX],
    struct ir_err *err);

/* What Exim says of a configuration; secret. */
struct ir_creds_view {
	struct ir_buf lists;	/* names of routers, transports, ... */
	struct ir_buf config;	/* "-bP config" */
	struct ir_buf auths;	/* "-bP authenticators" */
	char route[512];	/* router and transport of the address */
};

void ir_creds_view_init(struct ir_creds_view *v);
void ir_creds_view_free(struct ir_creds_view *v);

/*
 * conf NULL: the one in force.  address is routed ("-bt").  0, or -1: 78
 * Exim refuses it (its words are not repeated: they may hold a secret), 75.
 */
int ir_creds_view(const char *exim, const char *conf, const char *address,
    struct ir_creds_view *v, struct ir_err *err);

/*
 * Are they the same but for the client options of authenticators and the
 * values of macros?  0, or -1 and 78.  Pure.
 */
int ir_creds_view_same(const struct ir_creds_view *before,
    const struct ir_creds_view *after, struct ir_err *err);

/* An option of an authenticator in "-bP authenticators"; pure. */
bool ir_creds_view_option(const struct ir_buf *auths, const char *auth,
    const char *option, const char **value, size_t *n);

struct ir_creds_subst {		/* read this file in place of that one */
	const char *path, *instead;
};

/* What one authenticator would send to a host. */
struct ir_creds_sent {
	char auth[64], host[256];	/* in */
	bool known;			/* it would send something */
	bool cram;			/* not with the plaintext driver */
	struct ir_buf user, pass;	/* secret */
};

/*
 * Let Exim expand it ("exim -be", all on its standard input).  n results
 * are filled in; the caller frees their buffers.  0, or -1: 75, 76.
 */
int ir_creds_send(const char *exim, const char *conf,
    const struct ir_creds_view *v, const struct ir_creds_subst *subst,
    size_t nsubst, struct ir_creds_sent *sent, size_t n, struct ir_err *err);

/* The daemon. */
struct ir_exim_daemon {
	pid_t pid;		/* 0: none */
	bool listens;
	char args[4096];	/* NUL after each */
	size_t nargs;
	char life[1024];	/* changes when it begins a new life */
	size_t nlife;
};

/* By its pid file, if that is an Exim. */
void ir_exim_daemon(const char *pid_file, struct ir_exim_daemon *d);

/*
 * Have it read its configuration anew (SIGHUP), and wait until it has.  0,
 * or -1: 75 no sign of it within wait_ms, 78 it has died.
 */
int ir_exim_reload(const char *pid_file, const struct ir_exim_daemon *d,
    long wait_ms, struct ir_err *err);

/* Start it again with the arguments that it had.  0 or -1. */
int ir_exim_revive(const char *exim, const struct ir_exim_daemon *d,
    struct ir_err *err);

#endif
