/*
 * sandbox.h - give up rights once the input is open.
 */
#ifndef IR_SANDBOX_H
#define IR_SANDBOX_H

#include <stddef.h>

/*
 * From now on this process opens no file and makes no TCP connection:
 * Landlock, as far as the kernel has it; no new privileges.  For programs
 * that only parse.  Returns the Landlock ABI in force, 0 when the kernel
 * has none: going on without it is fine, it is a second wall.
 */
int ir_sandbox_parse_only(void);

/*
 * The same, but the n files and folders at paths, and what is in those, may
 * be opened for reading; what is not there is passed over.
 */
int ir_sandbox_read_only(const char *const *paths, size_t n);

/*
 * The same, but everything may be opened for reading: for who reads a whole
 * system.  Truncating by name stays possible, too: were that refused, each
 * open would be looked into, which costs a scanner of small files a tenth.
 */
int ir_sandbox_no_write(void);

#endif
