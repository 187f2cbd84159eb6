/* report_style.h - how the report's page looks: light and dark, on screen and on paper. */
#ifndef SHOAL_COORD_REPORT_STYLE_H
#define SHOAL_COORD_REPORT_STYLE_H

extern const char report_style[]; /* CSS */

#endif
