/*
 * config.h - what Exim itself says of its configuration ("exim -bP NAME
 * ..."), so that no configuration file is ever parsed here.
 */
#ifndef IR_EXIM_CONFIG_H
#define IR_EXIM_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"

struct ir_exim_config {
	char exim[PATH_MAX];		/* the program that was asked */
	char file[PATH_MAX];		/* what -C named; "": its own */
	char spool_directory[PATH_MAX];
	bool split_spool_directory, message_logs;
	char log_file_path[PATH_MAX];	/* a list, with %s in it */
	char event_action[512];		/* "" when there is none */
	char queue_only_file[PATH_MAX];
	char exim_user[64], exim_group[64];
	char pid_file_path[PATH_MAX];
	char timezone[64];		/* "" is the system's */
};

/* One answer "name = value", "name" or "no_name" a line; pure. */
void ir_exim_config_parse(const char *s, size_t n, struct ir_exim_config *c);

/*
 * Ask.  program NULL: exim4, else exim, in PATH and in the sbin folders.
 * 0, or -1: 66 no such program, 78 it does not like its configuration or
 * gave no spool directory, 75 no answer in time.
 */
int ir_exim_config_ask(const char *program, struct ir_exim_config *c,
    struct ir_err *err);

/* The same of the instance that another configuration file makes (-C). */
int ir_exim_config_ask_file(const char *program, const char *file,
    struct ir_exim_config *c, struct ir_err *err);

/*
 * The main log's file by log_file_path: 0, 1 with %D (a day) or %M (a month)
 * still in its name, or -1 when there is none (syslog only).  Pure.
 */
int ir_exim_mainlog(const struct ir_exim_config *c, char path[PATH_MAX]);

#endif
