/* folder.h - files of a folder that appear whole or not at all. */
#ifndef SHOAL_COORD_FOLDER_H
#define SHOAL_COORD_FOLDER_H

#include "base/err.h"
#include "base/text.h"

/* Suffix of a file that is not whole yet. */
#define FOLDER_NEW ".new"

/* Makes the folder and those above it, unless they exist. Local.
 * errors   ERR_IO */
enum err_code folder_make(const char *path, struct err *e);

/* Writes text (may be empty) as dir/name by way of dir/name.new. Local.
 * errors   ERR_IO */
enum err_code folder_write(const char *dir, const char *name, const struct text *text,
                           struct err *e);

/* Adds what dir/name holds to out. Local.
 * errors   ERR_IO */
enum err_code folder_read(const char *dir, const char *name, struct text *out, struct err *e);

/* dir/name.new becomes dir/name. Local.
 * errors   ERR_IO */
enum err_code folder_keep(const char *dir, const char *name, struct err *e);

/* The same, durably: a kill or a power cut at any moment leaves the one or the other. */
enum err_code folder_keep_synced(const char *dir, const char *name, struct err *e);

#endif
