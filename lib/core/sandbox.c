/* sandbox.c - see sandbox.h */
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

#define READ_FILE 4	/* LANDLOCK_ACCESS_FS_... */
#define READ_DIR 8
#define TRUNCATE (1 << 14)
#define IOCTL_DEV (1 << 15)
#define PATH_BENEATH 1

/* struct landlock_path_beneath_attr */
struct beneath {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

/* struct landlock_ruleset_attr as of ABI 4; older headers lack the second */
struct ruleset {
	uint64_t fs, net;
};

static void
allow(int ruleset, const char *path)
{
	struct beneath b = { READ_FILE, -1 };
	struct stat st;

	b.fd = open(path, O_PATH | O_CLOEXEC);
	if (b.fd < 0)
		return;
	if (fstat(b.fd, &st) == 0 && S_ISDIR(st.st_mode))
		b.allowed |= READ_DIR;
	(void)syscall(__NR_landlock_add_rule, ruleset, PATH_BENEATH, &b, 0U);
	close(b.fd);
}

/* The rights in `left` stay as they are, for all paths. */
static int
confine(const char *const *paths, size_t n, uint64_t left)
{
#if defined(__SANITIZE_ADDRESS__) || defined(IR_SANITIZE)
	(void)allow;
	(void)paths;
	(void)n;
	(void)left;
	return 0;	/* LeakSanitizer must read /proc at the end */
#else
	/* rights that each ABI knows: access bits are numbered from 0 */
	static const uint64_t fs_bits[] = { 0, 13, 14, 15, 15, 16 };
	struct ruleset attr = { 0, 0 };
	long abi, fd;
	size_t i;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 0;
	abi = syscall(__NR_landlock_create_ruleset, NULL, 0UL, 1U);
	if (abi < 1)
		return 0;
	attr.fs = ((UINT64_C(1) << fs_bits[abi > 5 ? 5 : abi]) - 1) & ~left;
	attr.net = abi >= 4 ? 3 : 0;	/* bind and connect TCP */
	fd = syscall(__NR_landlock_create_ruleset, &attr,
	    abi >= 4 ? sizeof attr : sizeof attr.fs, 0U);
	if (fd < 0)
		return 0;
	for (i = 0; i < n; i++)
		allow((int)fd, paths[i]);
	if (syscall(__NR_landlock_restrict_self, (int)fd, 0U))
		abi = 0;
	close((int)fd);
	return (int)abi;
#endif
}

int
ir_sandbox_read_only(const char *const *paths, size_t n)
{
	return confine(paths, n, 0);
}

int
ir_sandbox_no_write(void)
{
	return confine(NULL, 0,
	    READ_FILE | READ_DIR | TRUNCATE | IOCTL_DEV);
}

int
ir_sandbox_parse_only(void)
{
	return ir_sandbox_read_only(NULL, 0);
}
