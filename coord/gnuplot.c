/* gnuplot.c - starts gnuplot in the report's folder and takes over what it drew.
 *
 * A script of ours writes stem.pdf and stem.svg; with the variable `suffix` set it appends that
 * to both names, which is how a half-drawn figure never gets the real name. */
#include "coord/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/folder.h"

extern char **environ;

/* Starts gnuplot with its messages going to the pipe. */
static int start(const char *dir, const char *script, int pipe_end, pid_t *child)
{
    char *argv[] = {"gnuplot", "-e", "suffix = '" FOLDER_NEW "'", (char *)script, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, dir);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_end, 1);
    posix_spawn_file_actions_adddup2(&actions, pipe_end, 2);
    int failed = posix_spawnp(child, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Reads what the child says until it ends. Returns its wait status. */
static int listen_to(pid_t child, int pipe_end, struct text *said)
{
    char block[512];
    for (ssize_t n; (n = read(pipe_end, block, sizeof block)) != 0;) {
        if (n > 0) text_add_bytes(said, block, (size_t)n);
        if (n < 0 && errno != EINTR) break;
    }
    int status = -1;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Blanks "/CreationDate (...)" with spaces: the offsets that a PDF contains stay right. */
static enum err_code blank_date(const char *dir, const char *name, struct err *e)
{
    static const char key[] = "/CreationDate (";
    struct text pdf = {0};
    char new_name[80];
    snprintf(new_name, sizeof new_name, "%s%s", name, FOLDER_NEW);
    enum err_code rc = folder_read(dir, new_name, &pdf, e);
    if (rc == ERR_OK && pdf.length) {
        char *date = memmem(pdf.at, pdf.length, key, sizeof key - 1);
        char *end = date ? memchr(date, ')', pdf.length - (size_t)(date - pdf.at)) : NULL;
        if (end) memset(date, ' ', (size_t)(end - date) + 1);
        rc = folder_write(dir, name, &pdf, e);
    }
    text_clear(&pdf);
    return rc;
}

static enum err_code keep_both(const char *dir, const char *stem, struct err *e)
{
    char name[64];
    snprintf(name, sizeof name, "%s.pdf", stem);
    TRY(blank_date(dir, name, e));
    snprintf(name, sizeof name, "%s.svg", stem);
    return folder_keep(dir, name, e);
}

static void drop_both(const char *dir, const char *stem)
{
    char path[4096];
    static const char *const ends[] = {"pdf", "svg"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s.%s%s", dir, stem, ends[i], FOLDER_NEW);
        unlink(path);
    }
}

enum err_code gnuplot_run(const char *dir, const char *stem, bool *found, struct err *e)
{
    char script[64];
    snprintf(script, sizeof script, "%s.gp", stem);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return ERR(e, ERR_IO, "cannot start gnuplot: %s", strerror(errno));
    pid_t child = 0;
    int failed = start(dir, script, ends[1], &child);
    close(ends[1]);
    *found = failed != ENOENT;
    if (failed) {
        close(ends[0]);
        return *found ? ERR(e, ERR_IO, "cannot start gnuplot: %s", strerror(failed)) : ERR_OK;
    }
    struct text said = {0};
    int status = listen_to(child, ends[0], &said);
    close(ends[0]);
    enum err_code rc = ERR_OK;
    if (status != 0)
        rc = ERR(e, ERR_IO, "gnuplot failed on %s/%s: %s", dir, script, said.at ? said.at : "");
    else
        rc = keep_both(dir, stem, e);
    if (rc != ERR_OK) drop_both(dir, stem);
    text_clear(&said);
    return rc;
}
