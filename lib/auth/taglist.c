/* taglist.c - see taglist.h */
#include <string.h>
#include <strings.h>

#include "taglist.h"

static bool
space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
trim(const char **s, size_t *n)
{
	while (*n && space(**s)) {
		(*s)++;
		(*n)--;
	}
	while (*n && space((*s)[*n - 1]))
		(*n)--;
}

static bool
name_ok(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool letter = (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z');

		if (!letter && (i == 0 || !((s[i] >= '0' && s[i] <= '9') ||
		    s[i] == '_')))
			return false;
	}
	return n > 0;
}

static bool
value_ok(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!space(s[i]) && (s[i] < '!' || s[i] > '~'))
			return false;
	return true;
}

static bool
same(const struct ir_tag *t, const char *name, size_t n)
{
	return t->name_len == n && memcmp(t->name, name, n) == 0;
}

static void
add(struct ir_tags *t, const char *s, size_t n)
{
	const char *eq = memchr(s, '=', n);
	struct ir_tag one;
	size_t i;

	if (!eq) {
		t->bad++;
		return;
	}
	one = (struct ir_tag){ s, eq + 1, (size_t)(eq - s),
		(size_t)(s + n - eq - 1) };
	trim(&one.name, &one.name_len);
	trim(&one.value, &one.value_len);
	for (i = 0; i < t->n && !same(&t->tag[i], one.name, one.name_len); )
		i++;
	if (i < t->n || t->n == IR_TAGS_MAX ||
	    !name_ok(one.name, one.name_len) ||
	    !value_ok(one.value, one.value_len))
		t->bad++;
	else
		t->tag[t->n++] = one;
}

void
ir_tags_parse(const char *s, size_t n, struct ir_tags *t)
{
	const char *end = s + n, *semi, *item;
	size_t len;

	memset(t, 0, sizeof *t);
	while (s < end) {
		semi = memchr(s, ';', (size_t)(end - s));
		if (!semi)
			semi = end;
		item = s;
		len = (size_t)(semi - s);
		trim(&item, &len);
		if (len)
			add(t, item, len);
		s = semi + 1;
	}
}

const struct ir_tag *
ir_tags_find(const struct ir_tags *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (same(&t->tag[i], name, strlen(name)))
			return &t->tag[i];
	return NULL;
}

bool
ir_tag_is(const struct ir_tag *t, const char *word)
{
	return t && t->value_len == strlen(word) &&
	    strncasecmp(t->value, word, t->value_len) == 0;
}

bool
ir_tag_item(const struct ir_tag *t, char sep, size_t *at, const char **item,
    size_t *len)
{
	const char *s = t->value + *at, *end;
	size_t left;

	if (*at > t->value_len)
		return false;
	left = t->value_len - *at;
	end = memchr(s, sep, left);
	*len = end ? (size_t)(end - s) : left;
	*at += *len + 1;
	*item = s;
	trim(item, len);
	return true;
}
