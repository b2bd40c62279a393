/*
 * leak_git_tool - lib/leak/git.h by itself, for tests and benches
 *
 * usage: leak_git_tool [-w WORKERS] [-m MARGIN] [-n] DIR
 *
 * Looks for AWS access key ids, and prints for each one line with tabs: key,
 * reach, kind, path:line, commit, author, commit time, objects that have it.
 * Then "= " and the counts, and problems on stderr.  -n: find, but ask for no
 * origins.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leak/git.h"

#define KEY 20
#define KEYS_MAX 100000

static struct keys {
	char v[KEYS_MAX][KEY + 1];
	uint32_t n;
	pthread_mutex_t lock;
} keys = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint32_t
number(const unsigned char *key)
{
	uint32_t i;

	pthread_mutex_lock(&keys.lock);
	for (i = 0; i < keys.n && memcmp(keys.v[i], key, KEY); i++)
		;
	if (i == keys.n && i < KEYS_MAX)
		memcpy(keys.v[keys.n++], key, KEY);
	pthread_mutex_unlock(&keys.lock);
	return i;
}

static int
piece(void *arg, const struct ir_git_piece *p)
{
	const unsigned char *s = p->data + p->from, *to = p->data + p->to;
	const unsigned char *end = p->data + p->n;

	(void)arg;
	for (; s < to && (s = memchr(s, 'A', (size_t)(to - s))); s++) {
		size_t n = 4;

		if (end - s < KEY || memcmp(s, "AKIA", 4))
			continue;
		while (n < KEY && ((s[n] >= 'A' && s[n] <= 'Z') ||
		    (s[n] >= '2' && s[n] <= '7')))
			n++;
		if (n == KEY && ir_git_new(p, (size_t)(s - p->data)))
			ir_git_seen(p, number(s), (size_t)(s - p->data), KEY);
	}
	return 0;
}

static void
problem(void *arg, const char *what)
{
	(void)arg;
	fprintf(stderr, "%s\n", what);
}

static int
origin(void *arg, const struct ir_git_origin *o)
{
	static const char *const kinds[] = {
		"?", "commit", "tree", "blob", "tag",
	};

	(void)arg;
	printf("%s\t%s\t%s\t%s:%llu\t%s\t%s\t%lld\t%llu\n", keys.v[o->what],
	    ir_git_reach_name(o->reach), kinds[o->kind], o->path,
	    (unsigned long long)o->line, o->commit, o->author,
	    (long long)o->commit_time, (unsigned long long)o->objects);
	return 0;
}

int
main(int argc, char **argv)
{
	struct ir_git_walk w = { piece, problem, NULL, 1, 64, 64 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_git_stats s;
	struct ir_git *g = NULL;
	int c, rc, quiet = 0;

	while ((c = getopt(argc, argv, "w:m:n")) != -1)
		if (c == 'w')
			w.workers = (unsigned)atoi(optarg);
		else if (c == 'm')
			w.margin = w.reach = (size_t)atoi(optarg);
		else
			quiet = 1;
	if (optind + 1 != argc)
		return 64;
	rc = ir_git_open(&g, argv[optind], &err) ||
	    ir_git_walk(g, &w, &s, &err) ||
	    (!quiet && ir_git_origins(g, origin, NULL, &s, &err));
	if (rc)
		fprintf(stderr, "%s\n", err.msg);
	else
		printf("= keys %u objects %llu commits %llu trees %llu "
		    "blobs %llu tags %llu packs %llu loose %llu bytes %llu "
		    "looked_at %llu damaged %llu baseless %llu too_large %llu "
		    "missing %llu cut %d partial %d\n", keys.n,
		    (unsigned long long)s.objects,
		    (unsigned long long)s.commits, (unsigned long long)s.trees,
		    (unsigned long long)s.blobs, (unsigned long long)s.tags,
		    (unsigned long long)s.packs, (unsigned long long)s.loose,
		    (unsigned long long)s.bytes,
		    (unsigned long long)s.looked_at,
		    (unsigned long long)s.damaged,
		    (unsigned long long)s.baseless,
		    (unsigned long long)s.too_large,
		    (unsigned long long)s.missing, s.cut, s.partial);
	ir_git_close(g);
	return rc ? err.code : 0;
}
