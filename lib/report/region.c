/* region.c - see region.h */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "region.h"

static const struct region {
	const char *code;
	const char *en, *ja;	/* what stands in the brackets */
} regions[] = {
	{ "us-east-1", "N. Virginia", "バージニア北部" },
	{ "us-east-2", "Ohio", "オハイオ" },
	{ "us-west-1", "N. California", "北カリフォルニア" },
	{ "us-west-2", "Oregon", "オレゴン" },
	{ "af-south-1", "Cape Town", "ケープタウン" },
	{ "ap-east-1", "Hong Kong", "香港" },
	{ "ap-east-2", "Taipei", "台北" },
	{ "ap-northeast-1", "Tokyo", "東京" },
	{ "ap-northeast-2", "Seoul", "ソウル" },
	{ "ap-northeast-3", "Osaka", "大阪" },
	{ "ap-south-1", "Mumbai", "ムンバイ" },
	{ "ap-south-2", "Hyderabad", "ハイデラバード" },
	{ "ap-southeast-1", "Singapore", "シンガポール" },
	{ "ap-southeast-2", "Sydney", "シドニー" },
	{ "ap-southeast-3", "Jakarta", "ジャカルタ" },
	{ "ap-southeast-4", "Melbourne", "メルボルン" },
	{ "ap-southeast-5", "Malaysia", "マレーシア" },
	{ "ap-southeast-6", "New Zealand", "ニュージーランド" },
	{ "ap-southeast-7", "Thailand", "タイ" },
	{ "ca-central-1", "Central", "中部" },
	{ "ca-west-1", "Calgary", "カルガリー" },
	{ "eu-central-1", "Frankfurt", "フランクフルト" },
	{ "eu-central-2", "Zurich", "チューリッヒ" },
	{ "eu-north-1", "Stockholm", "ストックホルム" },
	{ "eu-south-1", "Milan", "ミラノ" },
	{ "eu-south-2", "Spain", "スペイン" },
	{ "eu-west-1", "Ireland", "アイルランド" },
	{ "eu-west-2", "London", "ロンドン" },
	{ "eu-west-3", "Paris", "パリ" },
	{ "il-central-1", "Tel Aviv", "テルアビブ" },
	{ "me-central-1", "UAE", "アラブ首長国連邦" },
	{ "me-south-1", "Bahrain", "バーレーン" },
	{ "mx-central-1", "Mexico", "メキシコ" },
	{ "sa-east-1", "São Paulo", "サンパウロ" },
	{ "sa-east-1", "Sao Paulo", "サンパウロ" },
};

/* What stands before the brackets: only then is "(Central)" a region. */
static const char *const areas[] = {
	"US East", "US West", "Africa", "Asia Pacific", "Canada", "Europe",
	"EU", "Israel", "Middle East", "Mexico", "South America",
	"アジアパシフィック", "米国東部", "米国西部",
	"カナダ",
	"欧州", "ヨーロッパ", "南米", "中東", "アフリカ",
	"イスラエル", "メキシコ",
};

/* Length of what the word matches; a space in it is any white space. */
static size_t
starts(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	for (; *word; word++) {
		if (*word == ' ' && i < n && (s[i] == ' ' || s[i] == '\n')) {
			while (i < n && (s[i] == ' ' || s[i] == '\n'))
				i++;
		} else if (i == n || (s[i] != *word && (s[i] | 0x20) !=
		    (*word | 0x20)) || (s[i] != *word && (*word & 0x80))) {
			return 0;
		} else {
			i++;
		}
	}
	return i;
}

/* Which of the words s begins with: its length, the longest that fits. */
static size_t
any(const char *s, size_t n, const char *const *words, size_t count)
{
	size_t i, len, best = 0;

	for (i = 0; i < count; i++)
		if ((len = starts(s, n, words[i])) > best)
			best = len;
	return best;
}

size_t
ir_region_code(const char *s, size_t n)
{
	static const char *const first[] = { "us", "eu", "ap", "sa", "ca",
	    "me", "af", "il", "mx", "cn" };
	static const char *const ways[] = { "north", "south", "east", "west",
	    "central", "northeast", "southeast", "northwest", "southwest" };
	size_t len = any(s, n, first, 10), more;

	if (!len)
		return 0;
	len += starts(s + len, n - len, "-gov");
	if (starts(s + len, n - len, "-iso")) {
		len += 4;
		if (len < n && s[len] >= 'a' && s[len] <= 'z')
			len++;
	}
	if (len >= n || s[len] != '-')
		return 0;
	more = any(s + len + 1, n - len - 1, ways, 9);
	if (!more)
		return 0;
	len += 1 + more;
	if (len + 1 >= n || s[len] != '-' || s[len + 1] < '1' ||
	    s[len + 1] > '9')
		return 0;
	len += 2;
	if (len < n && ((s[len] >= '0' && s[len] <= '9') || s[len] == '_' ||
	    (s[len] >= 'a' && s[len] <= 'z') ||
	    (s[len] >= 'A' && s[len] <= 'Z')))
		return 0;
	return len;
}

const char *
ir_region_named(const char *s, size_t n, size_t *used)
{
	size_t area = any(s, n, areas, sizeof areas / sizeof areas[0]);
	size_t at = area, i, len;
	bool open;

	/*
	 * Only behind an area: who asks at each byte of a text comes to the
	 * '(' by himself, and a mail of blanks would take the square of its
	 * length.
	 */
	while (area && at < n && (s[at] == ' ' || s[at] == '\n'))
		at++;
	open = at < n && s[at] == '(';
	if (!open)
		return NULL;
	at++;
	for (i = 0; i < sizeof regions / sizeof regions[0]; i++) {
		len = starts(s + at, n - at, regions[i].en);
		if (!len)
			len = starts(s + at, n - at, regions[i].ja);
		if (!len || at + len >= n || s[at + len] != ')')
			continue;
		/* "(Central)", "(Spain)" alone may be anything */
		if (!area && (strcmp(regions[i].en, "Central") == 0 ||
		    strcmp(regions[i].en, "Mexico") == 0))
			continue;
		*used = at + len + 1;
		return regions[i].code;
	}
	return NULL;
}

const char *
ir_region_city(const char *s, size_t n, size_t *used)
{
	size_t i, len;

	for (i = 0; i < sizeof regions / sizeof regions[0]; i++) {
		len = starts(s, n, regions[i].en);
		if (!len)
			len = starts(s, n, regions[i].ja);
		if (!len || strcmp(regions[i].en, "Central") == 0 ||
		    (len < n && ((s[len] | 0x20) >= 'a' &&
		    (s[len] | 0x20) <= 'z')))
			continue;
		*used = len;
		return regions[i].code;
	}
	return NULL;
}
