/* html.c - escaping, and what makes a drawing part of a page. */
#include "coord/html.h"

#include <string.h>

void html_add(struct text *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': text_add(out, "&amp;"); break;
        case '<': text_add(out, "&lt;"); break;
        case '>': text_add(out, "&gt;"); break;
        case '"': text_add(out, "&quot;"); break;
        case '\'': text_add(out, "&#39;"); break;
        default: text_add_bytes(out, text, 1);
        }
    }
}

/* What is replaced inside a drawing; %s is the name. */
static const struct {
    const char *from, *to;
} changes[] = {
    {"'black'", "'currentColor'"},
    {"\"black\"", "\"currentColor\""},
    {"'rgb(  0,   0,   0)'", "'currentColor'"},
    {"\"rgb(  0,   0,   0)\"", "\"currentColor\""},
    {" id=\"gnuplot_canvas\"", ""},
    {" id='gp", " id='%s_gp"},
    {"xlink:href='#gp", "href='#%s_gp"},
    {"url(#gp", "url(#%s_gp"},
};

/* The change that applies at this place, or -1. */
static int change_at(const char *at)
{
    for (int i = 0; i < (int)(sizeof changes / sizeof *changes); i++)
        if (strncmp(at, changes[i].from, strlen(changes[i].from)) == 0) return i;
    return -1;
}

/* Passes over <title>...</title>, which a browser would show under the pointer. */
static const char *skip_title(const char *at)
{
    if (strncmp(at, "<title>", 7) != 0) return at;
    const char *end = strstr(at, "</title>");
    return end ? end + 8 : at;
}

void html_add_svg(struct text *out, const char *svg, const char *name, const char *words)
{
    const char *at = strstr(svg, "<svg");
    if (!at) return;
    text_add(out, "<svg role=\"img\" aria-label=\"");
    html_add(out, words);
    text_add(out, "\"");
    for (at += strlen("<svg"); *at;) {
        const char *next = skip_title(at);
        if (next != at) {
            at = next;
            continue;
        }
        int i = change_at(at);
        if (i < 0) {
            text_add_bytes(out, at++, 1);
        } else {
            const char *hole = strstr(changes[i].to, "%s");
            size_t before = hole ? (size_t)(hole - changes[i].to) : strlen(changes[i].to);
            text_add_bytes(out, changes[i].to, before);
            if (hole) text_add(out, "%s%s", name, hole + 2);
            at += strlen(changes[i].from);
        }
    }
}
