/* err.h - how a function says that it failed, and why. */
#ifndef SHOAL_BASE_ERR_H
#define SHOAL_BASE_ERR_H

/* Every code with its text and the process exit status it leads to when it reaches main. */
#define ERR_CODES(X)                                                                           \
    X(ERR_OK, "no error", 0)                                                                   \
    X(ERR_USAGE, "wrong command line", 2)                                                      \
    X(ERR_CONFIG, "wrong configuration", 2)                                                    \
    X(ERR_SHAPE, "sizes do not match", 2)                                                      \
    X(ERR_FORMAT, "malformed file", 2)                                                         \
    X(ERR_ENV, "environment", 3)                                                               \
    X(ERR_IO, "input or output", 3)                                                            \
    X(ERR_NOMEM, "out of memory", 3)                                                           \
    X(ERR_BUSY, "in use", 4)                                                                   \
    X(ERR_STOPPED, "stopped early, resumable", 75)

enum err_code {
#define X(code, text, status) code,
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

/* "no error", "wrong configuration", ... */
const char *err_name(enum err_code code);

/* The process exit status for a code. */
int err_status(enum err_code code);

#endif
