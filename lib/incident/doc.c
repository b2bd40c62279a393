/* doc.c - see doc.h */
#include <string.h>

#include "doc.h"
#include "markup.h"

/*
 * Contrast of text on its ground is 4.5 or more in both (WCAG 2.1 AA), of
 * bars 3 or more.
 */
static const char colours[] =
":root{color-scheme:light dark;--bg:#fff;--fg:#1c2127;--soft:#55606b;"
"--line:#d5dae0;--panel:#f4f6f8;--link:#0b5cad;--before:#b3470e;"
"--after:#0f766e;--grid:#dde2e7;--unknown:#c3cad2;--bad:#a3201d;"
"--badbg:#fdeceb;--ok:#14653b;--okbg:#e7f5ec;--warn:#7a4d00;"
"--warnbg:#fdf3dc}\n"
"@media (prefers-color-scheme:dark){:root{--bg:#14181d;--fg:#e6eaee;"
"--soft:#a5b0bb;--line:#39424c;--panel:#1d232a;--link:#7db8f5;"
"--before:#f08b4c;--after:#3fb8a8;--grid:#2c343c;--unknown:#46515c;"
"--bad:#ff9d96;--badbg:#3b1c1b;--ok:#7fd6a2;--okbg:#16301f;"
"--warn:#f3c56b;--warnbg:#33270e}}\n";

static const char style[] =
"*{box-sizing:border-box}\n"
"body{margin:0;background:var(--bg);color:var(--fg);"
"font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\","
"\"Hiragino Sans\",\"Noto Sans CJK JP\",sans-serif}\n"
"main{max-width:66rem;margin:0 auto;padding:1.5rem 1.25rem 3rem}\n"
"h1{font-size:1.7rem;line-height:1.25;margin:0 0 .25rem;"
"overflow-wrap:anywhere}\n"
"h2{font-size:1.2rem;margin:2.4rem 0 .6rem;padding-top:.9rem;"
"border-top:1px solid var(--line)}\n"
"p{margin:.5rem 0;max-width:50rem}\n"
".note,figcaption,caption{color:var(--soft);font-size:.9rem}\n"
"ul{margin:.5rem 0;padding-left:1.3rem;max-width:50rem}\n"
"li{margin:.25rem 0;overflow-wrap:anywhere}\n"
".open li::marker{color:var(--bad)}\n"
".tiles{list-style:none;padding:0;margin:1.2rem 0;display:grid;gap:.7rem;"
"max-width:none;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr))}\n"
".tiles li{background:var(--panel);border:1px solid var(--line);"
"border-radius:.5rem;padding:.65rem .8rem;margin:0}\n"
".tiles b{display:block;font-size:1.25rem;line-height:1.3;"
"font-variant-numeric:tabular-nums}\n"
".tiles span{color:var(--soft);font-size:.86rem}\n"
".scroll{overflow-x:auto;margin:.7rem 0}\n"
".scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}\n"
"table{border-collapse:collapse;width:100%;font-size:.92rem}\n"
"caption{text-align:left;padding:.2rem 0 .4rem}\n"
"th,td{text-align:left;vertical-align:top;padding:.38rem .7rem .38rem 0;"
"border-bottom:1px solid var(--line)}\n"
"th{font-weight:600;white-space:nowrap;border-bottom-width:2px}\n"
"td{overflow-wrap:anywhere;min-width:4rem}\n"
"th:last-child,td:last-child{padding-right:0}\n"
".n{text-align:right;font-variant-numeric:tabular-nums;"
"white-space:nowrap;padding-right:1.6rem}\n"
".m{font:.86em/1.6 ui-monospace,\"DejaVu Sans Mono\",Menlo,Consolas,"
"monospace}\n"
".w{white-space:nowrap;font-variant-numeric:tabular-nums}\n"
".state{display:inline-block;white-space:nowrap;"
"border-radius:.3rem;padding:0 .45rem;"
"font-weight:600;font-size:.86em;background:var(--panel);"
"border:1px solid var(--line)}\n"
".bad{color:var(--bad);background:var(--badbg);border-color:var(--bad)}\n"
".ok{color:var(--ok);background:var(--okbg);border-color:var(--ok)}\n"
".warn{color:var(--warn);background:var(--warnbg);"
"border-color:var(--warn)}\n"
"figure{margin:1rem 0 1.6rem}\n"
"svg{display:block;width:100%;height:auto;min-width:40rem}\n"
/* a narrow screen begins where it ended: at the right */
".chart{direction:rtl}.chart svg{direction:ltr}\n"
"svg text{font-size:13px;fill:var(--soft)}\n"
".num{text-anchor:end}.time{text-anchor:middle}\n"
".grid,.tick{stroke:var(--grid);stroke-width:1}\n"
".before{fill:var(--before)}.after{fill:var(--after)}\n"
".hatch{stroke:var(--unknown);stroke-width:3}\n"
".mark{stroke:var(--fg);stroke-width:1.5;stroke-dasharray:5 4}\n"
"svg .marktext{fill:var(--fg);font-weight:600}\n"
".legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;"
"padding:0;font-size:.9rem;color:var(--soft)}\n"
".legend i{display:inline-block;width:.8rem;height:.8rem;"
"border-radius:.15rem;margin-right:.4rem;vertical-align:-.05rem}\n"
"footer{margin-top:3rem;color:var(--soft);font-size:.86rem;"
"border-top:1px solid var(--line);padding-top:.8rem}\n";

static const char media[] =
"@media (max-width:40rem){body{font-size:15px}main{padding:1rem}"
"h1{font-size:1.35rem}.tall thead{position:absolute;width:1px;height:1px;"
"overflow:hidden;clip-path:inset(50%)}"
".tall,.tall caption,.tall tbody,.tall tr,.tall td{display:block}"
".tall tr{padding:.55rem 0;border-bottom:1px solid var(--line)}"
".tall td{border:0;padding:.06rem 0;text-align:left;"
"white-space:normal}"
".tall td:empty{display:none}"
".tall td::before{content:attr(data-h) \"  \";color:var(--soft);"
"font-size:.84em}}\n"
"@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--soft:#444;"
"--line:#bbb;--panel:#f4f4f4;--before:#b3470e;--after:#0f766e;"
"--grid:#ddd;--unknown:#bbb;--bad:#8f1512;--badbg:#fff;--ok:#0d5530;"
"--okbg:#fff;--warn:#664000;--warnbg:#fff}@page{margin:15mm 13mm}"
"body{font-size:9.6pt}main{max-width:none;padding:0}"
"h2,.legend{break-after:avoid}h2{margin-top:1.3rem}"
"tr,figure,.tiles li{break-inside:avoid}thead{display:table-header-group}"
".scroll{overflow:visible}svg{min-width:0}"
".before,.after,.state,.legend i{print-color-adjust:exact;"
"-webkit-print-color-adjust:exact}}\n";

static void
text(struct ir_doc *d, const char *s)
{
	if (d->html)
		ir_mark_html(d->out, s);
	else
		ir_mark_md(d->out, s);
}

void
ir_doc_begin(struct ir_doc *d, const char *title)
{
	if (!d->html) {
		ir_buf_str(d->out, "# ");
		text(d, title);
		ir_buf_str(d->out, "\n");
		return;
	}
	ir_buf_str(d->out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\""
	    "default-src 'none'; style-src 'unsafe-inline'; "
	    "base-uri 'none'; form-action 'none'\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n"
	    "<meta name=\"robots\" content=\"noindex\">\n"
	    "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	text(d, title);
	ir_buf_str(d->out, "</title>\n<style>\n");
	ir_buf_str(d->out, colours);
	ir_buf_str(d->out, style);
	ir_buf_str(d->out, media);
	ir_buf_str(d->out, "</style>\n</head>\n<body>\n<main>\n<h1>");
	text(d, title);
	ir_buf_str(d->out, "</h1>\n");
}

void
ir_doc_end(struct ir_doc *d)
{
	if (d->html)
		ir_buf_str(d->out, "</main>\n</body>\n</html>\n");
}

void
ir_doc_section(struct ir_doc *d, const char *id, const char *heading)
{
	if (d->html)
		ir_buf_fmt(d->out, "<section aria-labelledby=\"%s\">\n"
		    "<h2 id=\"%s\">", id, id);
	else
		ir_buf_str(d->out, "\n## ");
	text(d, heading);
	ir_buf_str(d->out, d->html ? "</h2>\n" : "\n");
}

void
ir_doc_section_end(struct ir_doc *d)
{
	if (d->html)
		ir_buf_str(d->out, "</section>\n");
}

void
ir_doc_p(struct ir_doc *d, const char *s)
{
	ir_buf_str(d->out, d->html ? "<p>" : "\n");
	text(d, s);
	ir_buf_str(d->out, d->html ? "</p>\n" : "\n");
}

void
ir_doc_note(struct ir_doc *d, const char *s)
{
	ir_buf_str(d->out, d->html ? "<p class=\"note\">" : "\n");
	text(d, s);
	ir_buf_str(d->out, d->html ? "</p>\n" : "\n");
}

void
ir_doc_list(struct ir_doc *d, const char *class)
{
	if (d->html)
		ir_buf_fmt(d->out, "<ul class=\"%s\">\n", class);
	else
		ir_buf_chr(d->out, '\n');
}

void
ir_doc_item(struct ir_doc *d, const char *s)
{
	ir_buf_str(d->out, d->html ? "<li>" : "- ");
	text(d, s);
	ir_buf_str(d->out, d->html ? "</li>\n" : "\n");
}

void
ir_doc_list_end(struct ir_doc *d)
{
	if (d->html)
		ir_buf_str(d->out, "</ul>\n");
}

void
ir_doc_table(struct ir_doc *d, const char *caption,
    const char *const *heads, const char *kinds)
{
	size_t i;

	d->heads = heads;
	d->kinds = kinds;
	d->columns = strlen(kinds);
	if (!d->html) {
		ir_buf_str(d->out, "\n");
		text(d, caption);
		ir_buf_str(d->out, "\n\n|");
		for (i = 0; i < d->columns; i++)
			ir_buf_fmt(d->out, " %s |", heads[i]);
		ir_buf_str(d->out, "\n|");
		for (i = 0; i < d->columns; i++)
			ir_buf_str(d->out, kinds[i] == 'n' ? "---:|" :
			    "---|");
		ir_buf_chr(d->out, '\n');
		return;
	}
	/* the roles stay when a small screen makes blocks of them */
	ir_buf_str(d->out, "<div class=\"scroll\" role=\"region\" "
	    "tabindex=\"0\" aria-label=\"");
	text(d, caption);
	ir_buf_fmt(d->out, "\">\n<table role=\"table\"%s><caption>",
	    d->columns > 2 ? " class=\"tall\"" : "");
	text(d, caption);
	ir_buf_str(d->out, "</caption>\n<thead role=\"rowgroup\">"
	    "<tr role=\"row\">");
	for (i = 0; i < d->columns; i++)
		ir_buf_fmt(d->out, "<th scope=\"col\" role=\"columnheader\""
		    "%s>%s</th>", kinds[i] == 'n' ? " class=\"n\"" : "",
		    heads[i]);
	ir_buf_str(d->out, "</tr></thead>\n<tbody role=\"rowgroup\">\n");
}

static const char *
state_class(const char *word)
{
	static const struct { const char *word, *class; } known[] = {
		{ "listed", "bad" }, { "failed", "bad" }, { "open", "bad" },
		{ "unknown", "warn" }, { "in force", "warn" },
		{ "suspected", "warn" }, { "fail", "bad" },
		{ "clean", "ok" }, { "done", "ok" }, { "pass", "ok" },
		{ "delisted", "ok" }, { "closed", "ok" },
		{ "recovered", "ok" }, { "resolved", "ok" },
	};
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(word, known[i].word) == 0)
			return known[i].class;
	return "plain";
}

static void
cell(struct ir_doc *d, const char *s, size_t i)
{
	char kind = d->kinds[i];

	if (!d->html) {
		ir_buf_chr(d->out, ' ');
		text(d, s);
		ir_buf_str(d->out, " |");
		return;
	}
	ir_buf_fmt(d->out, "<td role=\"cell\" data-h=\"%s\"%s>", d->heads[i],
	    kind == 'n' ? " class=\"n\"" : kind == 'm' ? " class=\"m\"" :
	    kind == 'w' ? " class=\"w\"" : "");
	if (kind == 's' && *s)
		ir_buf_fmt(d->out, "<span class=\"state %s\">",
		    state_class(s));
	text(d, s);
	ir_buf_fmt(d->out, "%s</td>", kind == 's' && *s ? "</span>" : "");
}

void
ir_doc_row(struct ir_doc *d, const char *const *cells)
{
	size_t i;

	ir_buf_str(d->out, d->html ? "<tr role=\"row\">" : "|");
	for (i = 0; i < d->columns; i++)
		cell(d, cells[i] ? cells[i] : "", i);
	ir_buf_str(d->out, d->html ? "</tr>\n" : "\n");
}

void
ir_doc_table_end(struct ir_doc *d)
{
	if (d->html)
		ir_buf_str(d->out, "</tbody></table></div>\n");
}
