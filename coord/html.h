/* html.h - text into HTML. */
#ifndef SHOAL_COORD_HTML_H
#define SHOAL_COORD_HTML_H

#include "base/text.h"

/* Adds text with all that HTML reads as markup escaped, in contents and attributes. Local. */
void html_add(struct text *out, const char *text);

/* Adds a drawing of gnuplot's as part of a page: black follows the page's text colour, names of
 * shapes get the prefix `name` (a page has one name space), and a reader hears `words`. Local.
 */
void html_add_svg(struct text *out, const char *svg, const char *name, const char *words);

#endif
