/*
 * procfs.h - what /proc says of a process, proc(5).  All of this is pure;
 * the bytes were chosen by the process that is looked at.
 */
#ifndef IR_PROCFS_H
#define IR_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

struct ir_proc_stat {
	int pid, ppid;
	char comm[64];
	uint64_t start;		/* clock ticks after boot: _SC_CLK_TCK */
};

/* /proc/PID/stat.  0, or -1 when it is none. */
int ir_proc_stat(const char *s, size_t n, struct ir_proc_stat *out);

/* Effective uid from /proc/PID/status.  0 or -1. */
int ir_proc_uid(const char *s, size_t n, uint32_t *uid);

/* Boot, in seconds since the epoch, from /proc/stat.  0 or -1. */
int ir_proc_boot(const char *s, size_t n, int64_t *boot);

/* N of the link "socket:[N]"; 0: another link. */
uint32_t ir_proc_socket(const char *s, size_t n);

struct ir_proc_group {
	char container[65];	/* first 12 digits of an id, or a name */
	char unit[128];		/* systemd's service: only [A-Za-z0-9@._:-] */
};

/* /proc/PID/cgroup; both may be "". */
void ir_proc_cgroup(const char *s, size_t n, struct ir_proc_group *out);

/*
 * What kind of program the file at this path is: "mta", "proxy", "tool"
 * (telnet, nc, openssl ...), "script" (an interpreter), "unknown".  An MTA is
 * one where systems install it.
 */
const char *ir_program_kind(const char *exe);

/* Below /tmp, /var/tmp, /dev/shm, /run/user, or in memory only? */
bool ir_program_odd_place(const char *path);

/*
 * Append the arguments of /proc/PID/cmdline, a NUL after each, with ***
 * where something secret may stand: the value of an option or a variable
 * whose name says so, a password of a URL or of -u, long random text.  Code
 * on the command line of an interpreter (exe) is left out as a whole.
 */
void ir_argv_mask(const char *exe, const char *raw, size_t n,
    struct ir_buf *out);

#endif
