/* sandbox.c - see sandbox.h */
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_restrict_self 446
#endif

/* struct landlock_ruleset_attr as of ABI 4; older headers lack the second */
struct ruleset {
	uint64_t fs, net;
};

int
ir_sandbox_parse_only(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(IR_SANITIZE)
	return 0;	/* LeakSanitizer must read /proc at the end */
#else
	/* rights that each ABI knows: access bits are numbered from 0 */
	static const uint64_t fs_bits[] = { 0, 13, 14, 15, 15, 16 };
	struct ruleset attr = { 0, 0 };
	long abi, fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 0;
	abi = syscall(__NR_landlock_create_ruleset, NULL, 0UL, 1U);
	if (abi < 1)
		return 0;
	attr.fs = (UINT64_C(1) << fs_bits[abi > 5 ? 5 : abi]) - 1;
	attr.net = abi >= 4 ? 3 : 0;	/* bind and connect TCP */
	fd = syscall(__NR_landlock_create_ruleset, &attr,
	    abi >= 4 ? sizeof attr : sizeof attr.fs, 0U);
	if (fd < 0)
		return 0;
	if (syscall(__NR_landlock_restrict_self, (int)fd, 0U))
		abi = 0;
	close((int)fd);
	return (int)abi;
#endif
}
