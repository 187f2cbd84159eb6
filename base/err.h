/* err.h - how a function says that it failed, and why. */
#ifndef SHOAL_BASE_ERR_H
#define SHOAL_BASE_ERR_H

/* Every code, with the process exit status it leads to when it reaches main. */
#define ERR_CODES(X)                                                                           \
    X(ERR_OK, 0)                                                                               \
    X(ERR_USAGE, 2)    /* wrong command line */                                                \
    X(ERR_CONFIG, 2)   /* wrong configuration */                                               \
    X(ERR_SHAPE, 2)    /* sizes do not match */                                                \
    X(ERR_FORMAT, 2)   /* malformed file */                                                    \
    X(ERR_ENV, 3)      /* environment: MPI, number of ranks */                                 \
    X(ERR_IO, 3)       /* input or output */                                                   \
    X(ERR_NOMEM, 3)    /* out of memory */                                                     \
    X(ERR_BUSY, 4)     /* in use by a live run */                                              \
    X(ERR_STOPPED, 75) /* stopped early, resumable */

enum err_code {
#define X(code, status) code,
    ERR_CODES(X)
#undef X
};

/* Filled once, where the cause is known. Plain data: it travels between ranks as bytes. */
struct err {
    enum err_code code;
    int rank; /* that failed, -1 while unknown */
    int line;
    char file[64];
    char text[1024];
};

/* Fills e (may be NULL) and returns code. Local. Use through ERR. */
enum err_code err_fill(struct err *e, enum err_code code, const char *file, int line,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#define ERR(e, code, ...) err_fill(e, code, __FILE__, __LINE__, __VA_ARGS__)

/* Returns a failure to the caller. */
#define TRY(call)                                                                              \
    do {                                                                                       \
        enum err_code try_code_ = (call);                                                      \
        if (try_code_ != ERR_OK) return try_code_;                                             \
    } while (0)

/* A broken promise between functions: prints and aborts, also in release builds. */
#define INVARIANT(cond) ((cond) ? (void)0 : err_invariant(#cond, __FILE__, __LINE__))
_Noreturn void err_invariant(const char *cond, const char *file, int line);

/* What err_invariant does after printing; NULL means abort(). Set by the parallel start-up. */
extern void (*err_abort)(void);

/* The process exit status for a code. */
int err_status(enum err_code code);

#endif
