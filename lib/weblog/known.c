/* known.c - see known.h */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "known.h"

struct rule {
	const char *part;	/* '$' at its end: the path ends so */
	enum ir_web_kind kind;
	const char *name;
};

/* The first that fits holds; letters are compared as small ones. */
static const struct rule rules[] = {
	{ "/wp-cron.php$", IR_WEB_HONEST, "wp-cron" },
	{ "/wp-login.php$", IR_WEB_LOGIN, "wp-login" },
	{ "/xmlrpc.php$", IR_WEB_LOGIN, "xmlrpc" },
	{ "/admin-ajax.php$", IR_WEB_HONEST, "admin-ajax" },
	{ "/wp-json/contact-form-7/", IR_WEB_FORM, "contact form" },
	{ "/administrator/index.php$", IR_WEB_LOGIN, "login" },
	{ "/user/login$", IR_WEB_LOGIN, "login" },
	{ "/login$", IR_WEB_LOGIN, "login" },
	{ "/login.php$", IR_WEB_LOGIN, "login" },
	{ "/signin$", IR_WEB_LOGIN, "login" },
	{ "/phpmyadmin/", IR_WEB_LOGIN, "login" },
	{ "/webhook", IR_WEB_PAID, "webhook" },
	{ "/wc-api/", IR_WEB_PAID, "webhook" },
	{ "/ipn", IR_WEB_PAID, "webhook" },
	{ "/payment", IR_WEB_PAID, "payment" },
	{ "/stripe", IR_WEB_PAID, "payment" },
	{ "/paypal", IR_WEB_PAID, "payment" },
	{ "/checkout", IR_WEB_PAID, "shop" },
	{ "/cart", IR_WEB_PAID, "shop" },
	{ "/health", IR_WEB_HONEST, "health check" },
	{ "/ping$", IR_WEB_HONEST, "health check" },
	{ "/status$", IR_WEB_HONEST, "health check" },
	{ "/search", IR_WEB_HONEST, "search" },
	{ "/suche", IR_WEB_HONEST, "search" },
	{ "/graphql$", IR_WEB_HONEST, "api" },
	{ "/matomo.php$", IR_WEB_HONEST, "statistics" },
	{ "/piwik.php$", IR_WEB_HONEST, "statistics" },
	{ "/collect$", IR_WEB_HONEST, "statistics" },
	{ "/microsoft-server-activesync", IR_WEB_HONEST, "groupware" },
	{ "/autodiscover/", IR_WEB_HONEST, "groupware" },
	{ "/remote.php/", IR_WEB_HONEST, "groupware" },
	{ "/ews/exchange.asmx$", IR_WEB_HONEST, "groupware" },
	{ "/webmail/", IR_WEB_HONEST, "webmail" },
	{ "/roundcube/", IR_WEB_HONEST, "webmail" },
	{ "/snappymail/", IR_WEB_HONEST, "webmail" },
	{ "contact", IR_WEB_FORM, "contact form" },
	{ "kontakt", IR_WEB_FORM, "contact form" },
	{ "inquiry", IR_WEB_FORM, "contact form" },
	{ "feedback", IR_WEB_FORM, "contact form" },
	{ "formmail", IR_WEB_FORM, "mail form" },
	{ "mail", IR_WEB_FORM, "mail form" },
	{ "tell-a-friend", IR_WEB_FORM, "mail form" },
	{ "tellafriend", IR_WEB_FORM, "mail form" },
	{ "recommend", IR_WEB_FORM, "mail form" },
	{ "invite", IR_WEB_FORM, "mail form" },
	{ "subscribe", IR_WEB_FORM, "newsletter form" },
	{ "newsletter", IR_WEB_FORM, "newsletter form" },
	{ "register", IR_WEB_FORM, "registration" },
	{ "signup", IR_WEB_FORM, "registration" },
	{ "password", IR_WEB_FORM, "password form" },
	{ "form", IR_WEB_FORM, "form" },
	/* what an API is for is told by the names above */
	{ "/api/", IR_WEB_HONEST, "api" },
	{ "/rest/", IR_WEB_HONEST, "api" },
	{ "/jsonrpc$", IR_WEB_HONEST, "api" },
	{ "/csp-report", IR_WEB_HONEST, "statistics" },
};

static const char *const places[] = { "/uploads/", "/upload/", "/cache/",
	"/tmp/", "/temp/", "/images/", "/img/", "/fonts/", "/css/",
	"/.well-known/", "/files/", NULL };

static const char *const scripts[] = { ".php", ".phtml", ".php5", ".php7",
	".phar", ".pl", ".cgi", ".py", NULL };

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Does it begin so, or end there, too? */
static bool
begins(const char *p, const char *part)
{
	for (; *part && *part != '$'; p++, part++)
		if (small(*p) != *part)
			return false;
	return !*part || !*p;
}

static bool
has(const char *path, const char *part)
{
	for (; *path; path++)
		if (begins(path, part))
			return true;
	return false;
}

/* What a page of WordPress includes and nobody asks for: the templates of a
 * theme, and its library. */
static bool
only_included(const char *path, const char *name)
{
	static const char *const parts[] = { "/404.php", "/header.php",
		"/footer.php", "/functions.php", "/index.php", "/single.php",
		"/page.php", "/archive.php", "/sidebar.php", "/search.php",
		"/comments.php", "/category.php", NULL };
	size_t i;

	for (i = 0; parts[i]; i++)
		if (strcmp(name, parts[i]) == 0)
			return strstr(path, "/wp-content/themes/") != NULL;
	return false;
}

/* A script whose folder is one of those, or hidden. */
static bool
out_of_place(const char *path)
{
	const char *name = strrchr(path, '/'), *dot;
	bool script = false;
	size_t i;

	dot = name ? strrchr(name, '.') : NULL;
	for (i = 0; dot && scripts[i]; i++)
		script |= begins(dot, scripts[i]) &&
		    strlen(dot) == strlen(scripts[i]);
	if (!script)
		return false;
	if (strstr(path, "/.") != NULL || only_included(path, name))
		return true;
	for (i = 0; places[i]; i++)
		if (has(path, places[i]))
			return true;
	return false;
}

struct ir_web_known
ir_web_known(const char *path)
{
	size_t i;

	if (out_of_place(path))
		return (struct ir_web_known){ IR_WEB_PLACE,
		    "script out of place" };
	for (i = 0; i < sizeof rules / sizeof *rules; i++)
		if (has(path, rules[i].part))
			return (struct ir_web_known){ rules[i].kind,
			    rules[i].name };
	return (struct ir_web_known){ IR_WEB_PLAIN, NULL };
}
