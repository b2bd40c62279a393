/* served.c - see served.h */
#include <stdbool.h>
#include <string.h>

#include "core/text.h"
#include "served.h"

static bool
component(const char *at, const char *path, const char *name)
{
	size_t n = strlen(name);

	return (at == path || at[-1] == '/') && strncmp(at, name, n) == 0 &&
	    at[n] == '/';
}

/* Behind the document root, at its slash; NULL: there is none in path. */
static const char *
behind_root(const char *path, const char *const *root, size_t n)
{
	/* the innermost wins: Laravel's and Symfony's is "public" */
	static const char *const name[] = { "public_html", "htdocs",
	    "httpdocs", "httpsdocs", "wwwroot", "webroot", "private_html",
	    "www", "web" };
	static const char *const place[] = { "/var/www/html/", "/var/www/",
	    "/srv/www/", "/srv/http/", "/usr/share/nginx/html/",
	    "/usr/local/www/", "/usr/local/apache/htdocs/" };
	const char *at, *found = NULL, *sub;
	size_t i, k;

	for (i = 0; i < n; i++) {
		k = strlen(root[i]);
		while (k > 1 && root[i][k - 1] == '/')
			k--;
		if (strncmp(path, root[i], k) == 0 && path[k] == '/')
			return path + k;
	}
	for (i = 0; !found && i < sizeof place / sizeof *place; i++)
		if (strncmp(path, place[i], strlen(place[i])) == 0)
			found = path + strlen(place[i]) - 1;
	for (at = path; *at; at++)
		for (i = 0; i < 7; i++)
			if (component(at, path, name[i]))
				found = at + strlen(name[i]);
	/* these only where accounts have theirs */
	if (!found && strncmp(path, "/home/", 6) == 0)
		for (at = path + 6; *at; at++)
			for (i = 7; i < 9; i++)
				if (component(at, path, name[i]))
					found = at + strlen(name[i]);
	sub = found ? strstr(found, "/public/") : NULL;
	return sub ? sub + 7 : found;
}

static bool
ends(const char *path, const char *with)
{
	size_t n = strlen(path), k = strlen(with);

	return n >= k && ir_ascii_ieq(path + n - k, with);
}

enum ir_leak_served
ir_leak_served(const char *path, const char *const *root, size_t n,
    const char **url)
{
	static const char *const run[] = { ".php", ".phtml", ".php5", ".php7",
	    ".phar", ".cgi", ".asp", ".aspx", ".jsp" };
	const char *at = behind_root(path, root, n);
	size_t i;

	if (url)
		*url = at;
	if (!at)
		return IR_SERVED_NO;
	if (strstr(at, "/.ht"))
		return IR_SERVED_DENIED;
	for (i = 0; i < sizeof run / sizeof *run; i++)
		if (ends(path, run[i]))
			return IR_SERVED_RUN;
	return IR_SERVED_YES;
}

const char *
ir_leak_served_name(enum ir_leak_served s)
{
	static const char *const name[] = { "no", "run", "denied", "yes" };

	return name[s];
}
