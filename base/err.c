/* err.c - fills errors. The list of codes is ERR_CODES in err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*err_abort)(void);

enum err_code err_fill(struct err *e, enum err_code code, const char *file, int line,
                       const char *format, ...)
{
    if (!e) return code;
    const char *stem = strrchr(file, '/');
    e->code = code;
    e->rank = -1;
    e->line = line;
    snprintf(e->file, sizeof e->file, "%s", stem ? stem + 1 : file);
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return code;
}

_Noreturn void err_invariant(const char *cond, const char *file, int line)
{
    fprintf(stderr, "shoal: bug: %s:%d: broken invariant: %s\n", file, line, cond);
    fflush(NULL);
    if (err_abort) err_abort();
    abort();
}

int err_status(enum err_code code)
{
    switch (code) {
#define X(code, status)                                                                        \
    case code: return status;
        ERR_CODES(X)
#undef X
    }
    return 3;
}
