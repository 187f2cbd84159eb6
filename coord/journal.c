/* journal.c - owns STORE.d/journal and STORE.d/lock.
 *
 * An event is in the journal when its line, newline included, is. Lines are collected in memory
 * and reach the file in journal_sync with one write and one fdatasync. A write that fails half
 * way is cut off again and its lines stay collected, so that a full disk costs no event once
 * there is room. The lock is a lock of the kernel on the open file: it cannot outlive its
 * holder, and what the file says is only for people.
 *
 * To extend: a new member of struct event is a row of `members`; members that are 0 are not
 * written, and members unknown to the reader are passed over. New events are rows in state.c.
 */
#include "coord/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_SIZE = 4096, RETRY_MS = 50 };

struct journal {
    int file, lock;
    off_t length; /* of the file: whole lines only */
    struct text pending;
};

const char *journal_path(const char *store_path, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s.d/%s", store_path, name);
    return out;
}

/* How a member of struct event is written. */
enum member_type { MEMBER_INT32, MEMBER_INT64, MEMBER_HEX, MEMBER_REAL, MEMBER_TEXT };

static const struct member {
    const char *key;
    enum member_type type;
    size_t offset, size;
} members[] = {
#define MEMBER(key, type, name)                                                                \
    {                                                                                          \
        key, type, offsetof(struct event, name), sizeof(((struct event *)0)->name)             \
    }
    MEMBER("event", MEMBER_TEXT, name),       MEMBER("trial", MEMBER_HEX, trial),
    MEMBER("attempt", MEMBER_INT32, attempt), MEMBER("worker", MEMBER_INT32, worker),
    MEMBER("count", MEMBER_INT64, count),     MEMBER("seconds", MEMBER_REAL, seconds),
    MEMBER("cost", MEMBER_REAL, cost),        MEMBER("checksum", MEMBER_HEX, checksum),
    MEMBER("text", MEMBER_TEXT, text),
#undef MEMBER
};
enum { N_MEMBERS = sizeof members / sizeof *members };

/* Characters that stand for themselves in a JSON string, from the start of text. */
static size_t plain_length(const char *text)
{
    size_t n = 0;
    while (text[n] >= ' ' && text[n] < 0x7f && text[n] != '"' && text[n] != '\\') n++;
    return n;
}

/* A JSON string. Bytes that are not UTF-8 (a text cut in the middle of a letter) become '?'. */
static void add_string(struct text *out, const char *text)
{
    if (text[plain_length(text)] == '\0') {
        text_add(out, "\"%s\"", text);
        return;
    }
    char clean[sizeof(struct event)], quoted[6 * sizeof clean];
    snprintf(clean, sizeof clean, "%s", text);
    json_t *string = json_string(clean);
    if (!string) {
        for (char *c = clean; *c; c++)
            if (*c & 0x80) *c = '?';
        string = json_string(clean);
    }
    size_t n = json_dumpb(string, quoted, sizeof quoted, JSON_ENCODE_ANY);
    INVARIANT(n > 0 && n <= sizeof quoted);
    text_add_bytes(out, quoted, n);
    json_decref(string);
}

static void add_member(struct text *out, const struct member *m, const struct event *event)
{
    const char *at = (const char *)event + m->offset;
    int32_t i32;
    int64_t i64;
    double real;
    switch (m->type) {
    case MEMBER_INT32:
        memcpy(&i32, at, sizeof i32);
        if (i32) text_add(out, ", \"%s\": %d", m->key, i32);
        break;
    case MEMBER_INT64:
        memcpy(&i64, at, sizeof i64);
        if (i64) text_add(out, ", \"%s\": %lld", m->key, (long long)i64);
        break;
    case MEMBER_HEX:
        memcpy(&i64, at, sizeof i64);
        if (i64) text_add(out, ", \"%s\": \"%016llx\"", m->key, (unsigned long long)i64);
        break;
    case MEMBER_REAL:
        memcpy(&real, at, sizeof real);
        if (real != 0 && isfinite(real)) text_add(out, ", \"%s\": %.17g", m->key, real);
        break;
    case MEMBER_TEXT:
        if (!*at) break;
        text_add(out, ", \"%s\": ", m->key);
        add_string(out, at);
        break;
    }
}

/* A member's value as either reader below finds it. */
struct value {
    enum { VALUE_TEXT, VALUE_INTEGER, VALUE_REAL, VALUE_OTHER } kind;
    int64_t integer;
    double real; /* of an integer too */
    const char *text;
    size_t length;
};

static bool set_member(const struct member *m, const struct value *v, struct event *event)
{
    char *at = (char *)event + m->offset, digits[17] = "";
    int32_t i32 = (int32_t)v->integer;
    uint64_t hex;
    switch (m->type) {
    case MEMBER_INT32:
        if (v->kind != VALUE_INTEGER || i32 != v->integer) return false;
        memcpy(at, &i32, sizeof i32);
        return true;
    case MEMBER_INT64:
        if (v->kind != VALUE_INTEGER) return false;
        memcpy(at, &v->integer, sizeof v->integer);
        return true;
    case MEMBER_HEX:
        if (v->kind != VALUE_TEXT || v->length != 16) return false;
        memcpy(digits, v->text, 16);
        if (strspn(digits, "0123456789abcdef") != 16) return false;
        hex = strtoull(digits, NULL, 16);
        memcpy(at, &hex, sizeof hex);
        return true;
    case MEMBER_REAL:
        if (v->kind != VALUE_INTEGER && v->kind != VALUE_REAL) return false;
        memcpy(at, &v->real, sizeof v->real);
        return true;
    case MEMBER_TEXT:
        if (v->kind != VALUE_TEXT || v->length >= m->size) return false;
        memcpy(at, v->text, v->length);
        at[v->length] = '\0';
        return true;
    }
    return false;
}

/* Reads a string without escapes or a number; returns what follows it, or NULL. */
static const char *plain_value(const char *at, struct value *out)
{
    enum { SURE_DIGITS = 17 }; /* no overflow */
    if (*at == '"') {
        size_t n = plain_length(at + 1);
        *out = (struct value){.kind = VALUE_TEXT, .text = at + 1, .length = n};
        return at[n + 1] == '"' ? at + n + 2 : NULL;
    }
    char *end;
    if (*at != '-' && (*at < '0' || *at > '9')) return NULL;
    long long integer = strtoll(at, &end, 10);
    *out = (struct value){VALUE_INTEGER, .integer = integer, .real = (double)integer};
    bool is_real = *end == '.' || *end == 'e';
    if (!is_real) return end - at <= SURE_DIGITS ? end : NULL;
    *out = (struct value){VALUE_REAL, .real = strtod(at, &end)};
    return end;
}

/* A line as this file writes it when no text needs an escape: read several times as fast as by
 * a JSON reader. false: it is something else, perhaps still an event. */
static bool read_plain(const char *line, struct event *event)
{
    struct value value;
    if (strncmp(line, "{\"t\": ", 6) != 0) return false;
    const char *at = plain_value(line + 6, &value);
    if (!at || value.kind == VALUE_TEXT) return false;
    event->time = value.real;
    for (const struct member *m = members; strncmp(at, ", \"", 3) == 0; m++) {
        size_t n = plain_length(at + 3); /* members come in the order of the table */
        while (m < members + N_MEMBERS && (strncmp(m->key, at + 3, n) || m->key[n])) m++;
        if (m == members + N_MEMBERS || strncmp(at + 3 + n, "\": ", 3) != 0) return false;
        at = plain_value(at + 3 + n + 3, &value);
        if (!at || !set_member(m, &value, event)) return false;
    }
    return strcmp(at, "}\n") == 0 && *event->name;
}

static struct value json_value(const json_t *json)
{
    return (struct value){
        .kind = json_is_string(json)    ? VALUE_TEXT
                : json_is_integer(json) ? VALUE_INTEGER
                : json_is_real(json)    ? VALUE_REAL
                                        : VALUE_OTHER,
        .integer = json_integer_value(json),
        .real = json_number_value(json),
        .text = json_string_value(json),
        .length = json_string_length(json),
    };
}

/* Any line of JSON. Is it an event? */
static bool read_json(const char *line, size_t length, struct event *event)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    const json_t *time = json_object_get(object, "t");
    bool good = json_is_number(time);
    event->time = json_number_value(time);
    for (int i = 0; good && i < N_MEMBERS; i++) {
        const json_t *json = json_object_get(object, members[i].key);
        struct value value = json_value(json);
        if (json) good = set_member(&members[i], &value, event);
    }
    json_decref(object);
    return good && *event->name;
}

static bool read_event(const char *line, size_t length, struct event *event)
{
    *event = (struct event){0};
    if (read_plain(line, event)) return true;
    *event = (struct event){0};
    return read_json(line, length, event);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Takes the lock or says who has it. */
static enum err_code take_lock(int lock, const char *store_path, double wait_s, struct err *e)
{
    char who[128] = "";
    for (double waited = 0; flock(lock, LOCK_EX | LOCK_NB) != 0; waited += 1e-3 * RETRY_MS) {
        if (errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK) {
            fprintf(
                stderr,
                "shoal: warning: the file system of '%s' has no locks: a second run of this "
                "store at the same time would go unnoticed\n",
                store_path);
            break;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return ERR(e, ERR_IO, "cannot lock '%s.d/lock': %s", store_path, strerror(errno));
        if (waited >= wait_s) {
            ssize_t n = pread(lock, who, sizeof who - 1, 0);
            who[n > 0 ? n : 0] = '\0';
            who[strcspn(who, "\n")] = '\0';
            return ERR(e, ERR_BUSY, "'%s' is in use by a live run (%s): let it end first",
                       store_path, *who ? who : "holder unknown");
        }
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    int n = snprintf(who, sizeof who, "host %s, pid %ld\n", host, (long)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, who, (size_t)n, 0) != n)
        return ERR(e, ERR_IO, "cannot write '%s.d/lock': %s", store_path, strerror(errno));
    return ERR_OK;
}

/* Length of the file up to its last newline, or -1. */
static off_t whole_lines(int file)
{
    char block[4096];
    off_t end = lseek(file, 0, SEEK_END);
    while (end > 0) {
        off_t start = end > (off_t)sizeof block ? end - (off_t)sizeof block : 0;
        if (pread(file, block, (size_t)(end - start), start) != end - start) return -1;
        const char *newline = memrchr(block, '\n', (size_t)(end - start));
        if (newline) return start + (newline - block) + 1;
        end = start;
    }
    return end;
}

/* Makes the names in a folder durable. */
static void sync_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

static enum err_code open_file(struct journal *j, const char *store_path, struct err *e)
{
    char path[PATH_SIZE];
    journal_path(store_path, "journal", path, sizeof path);
    j->file = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (j->file < 0) return ERR(e, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    j->length = whole_lines(j->file);
    if (j->length < 0 || ftruncate(j->file, j->length) != 0)
        return ERR(e, ERR_IO, "cannot cut the torn last line of '%s': %s", path,
                   strerror(errno));
    return ERR_OK;
}

enum err_code journal_open(const char *store_path, double wait_s, struct journal **out,
                           struct err *e)
{
    char folder[PATH_SIZE], path[PATH_SIZE];
    enum err_code rc = ERR_OK;
    *out = NULL;
    journal_path(store_path, "", folder, sizeof folder);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ERR(e, ERR_IO, "cannot make the folder '%s': %s", folder, strerror(errno));
    struct journal *j = calloc(1, sizeof *j);
    if (!j) return ERR(e, ERR_NOMEM, "no memory for the journal");
    j->file = -1;
    j->lock = open(journal_path(store_path, "lock", path, sizeof path),
                   O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (j->lock < 0) {
        rc = ERR(e, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
        goto out;
    }
    rc = take_lock(j->lock, store_path, wait_s, e);
    if (rc == ERR_OK) rc = open_file(j, store_path, e);
    if (rc != ERR_OK) goto out;
    sync_folder(folder);
    *out = j;
    return ERR_OK;
out:
    if (j->file >= 0) close(j->file);
    if (j->lock >= 0) close(j->lock);
    free(j);
    return rc;
}

enum err_code journal_append(struct journal *j, const struct event *event, struct err *e)
{
    double time = event->time != 0 ? event->time : now();
    if (!*event->name || !isfinite(time))
        return ERR(e, ERR_FORMAT, "an event without a name or a time is none");
    text_add(&j->pending, "{\"t\": %.3f", time);
    for (int i = 0; i < N_MEMBERS; i++) add_member(&j->pending, &members[i], event);
    text_add(&j->pending, "}\n");
    return ERR_OK;
}

enum err_code journal_sync(struct journal *j, struct err *e)
{
    size_t done = 0;
    while (done < j->pending.length) {
        ssize_t n = write(j->file, j->pending.at + done, j->pending.length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int cause = errno;
            if (ftruncate(j->file, j->length) != 0) j->length = whole_lines(j->file);
            return ERR(e, ERR_IO, "cannot write the journal: %s", strerror(cause));
        }
        done += (size_t)n;
    }
    if (done == 0) return ERR_OK;
    j->length += (off_t)done;
    j->pending.length = 0;
    if (fdatasync(j->file) != 0)
        return ERR(e, ERR_IO, "cannot sync the journal: %s", strerror(errno));
    return ERR_OK;
}

void journal_beat(struct journal *j)
{
    futimens(j->file, NULL);
}

enum err_code journal_close(struct journal *j, struct err *e)
{
    if (!j) return ERR_OK;
    enum err_code rc = journal_sync(j, e);
    close(j->file);
    close(j->lock);
    text_clear(&j->pending);
    free(j);
    return rc;
}

enum err_code journal_replay(const char *store_path,
                             void (*each)(void *self, const struct event *), void *self,
                             int64_t *n_bad, struct err *e)
{
    char path[PATH_SIZE], *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    struct event event;
    if (n_bad) *n_bad = 0;
    FILE *file = fopen(journal_path(store_path, "journal", path, sizeof path), "re");
    if (!file && errno == ENOENT) return ERR_OK;
    if (!file) return ERR(e, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    while ((length = getline(&line, &capacity, file)) > 0 && line[length - 1] == '\n') {
        if (read_event(line, (size_t)length, &event))
            each(self, &event);
        else if (n_bad)
            ++*n_bad;
    }
    bool failed = ferror(file);
    free(line);
    fclose(file);
    return failed ? ERR(e, ERR_IO, "cannot read '%s': %s", path, strerror(errno)) : ERR_OK;
}

double journal_age_s(const char *store_path)
{
    char path[PATH_SIZE];
    struct stat s;
    if (stat(journal_path(store_path, "journal", path, sizeof path), &s) != 0) return -1;
    double age = now() - ((double)s.st_mtim.tv_sec + 1e-9 * (double)s.st_mtim.tv_nsec);
    return age > 0 ? age : 0;
}
