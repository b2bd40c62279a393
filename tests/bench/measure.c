/*
 * measure - RUNS COMMAND...: median user+system milliseconds of one run, and
 * the largest resident set in KiB
 *
 * Small itself, because a process begins with the resident set of the one
 * that started it.  Exit 1 when the command ends with another code than 0
 * or 1.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX 1000

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
ms(const struct timeval *t)
{
	return (double)t->tv_sec * 1000 + (double)t->tv_usec / 1000;
}

static void
become(char **argv)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open("/dev/null", O_WRONLY);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int
main(int argc, char **argv)
{
	static double cpu[RUNS_MAX];
	struct rusage use;
	long runs = argc > 2 ? strtol(argv[1], NULL, 10) : 0, i, rss = 0;
	int status;
	pid_t pid;

	if (runs < 1 || runs > RUNS_MAX)
		return 64;
	/* the first run warms the caches */
	for (i = -1; i < runs; i++) {
		pid = fork();
		if (pid == 0)
			become(argv + 2);
		if (pid < 0 || wait4(pid, &status, 0, &use) != pid)
			return 71;
		if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
			fprintf(stderr, "measure: %s failed: %#x\n", argv[2],
			    (unsigned)status);
			return 1;
		}
		if (i < 0)
			continue;
		cpu[i] = ms(&use.ru_utime) + ms(&use.ru_stime);
		if (use.ru_maxrss > rss)
			rss = use.ru_maxrss;
	}
	qsort(cpu, (size_t)runs, sizeof *cpu, by_size);
	printf("%.2f %ld\n", cpu[runs / 2], rss);
	return 0;
}
