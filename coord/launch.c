/* launch.c - owns the child that is the launcher, and the terminal while it runs. */
#include "coord/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "coord/job.h"
#include "coord/progress.h"

enum { MAX_LAUNCHER_WORDS = 32, MAX_WORDS = LAUNCH_WORDS + MAX_LAUNCHER_WORDS + 4 };

/* What Open MPI needs to start more ranks than cores, as root too, without stealing cores from
 * the ranks that work. Settings the user made stay. */
static const char *const environment[][2] = {
    {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
    {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
    {"OMPI_MCA_rmaps_base_oversubscribe", "1"},
    {"OMPI_MCA_hwloc_base_binding_policy", "none"},
    {"OMPI_MCA_mpi_yield_when_idle", "1"},
    {"OMPI_MCA_sharedfp", "^sm"},
    {"OMPI_MCA_orte_execute_quiet", "1"}, /* no banner about an exit status that we return */
    {"OPENBLAS_NUM_THREADS", "1"},
    {"SHOAL_FRONTED", "1"},
};

static volatile sig_atomic_t interrupted, drain;

static void on_interrupt(int signal)
{
    interrupted = signal;
}

static void on_drain(int signal)
{
    (void)signal;
    drain = 1;
}

/* Takes the signals that are ours to pass on; one that the shell has us ignore (nohup) stays
 * ignored. */
static void take_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (sigaction(ends[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(ends[i], &action, NULL);
    action.sa_handler = on_drain;
    sigaction(SIGUSR1, &action, NULL);
}

void launch_add(struct launch_words *w, const char *word)
{
    INVARIANT(w->n < LAUNCH_WORDS);
    w->at[w->n++] = word;
}

void launch_option(struct launch_words *w, const char *name, const char *value)
{
    if (!value) return;
    launch_add(w, name);
    launch_add(w, value);
}

/* The launcher's whole command line: "mpirun -n N self verb ...". launcher is taken apart. */
static void line(const struct options *o, const struct launch_words *w, char *launcher,
                 char *np, const char *self, const char **word)
{
    int n = 0;
    char *rest = NULL;
    for (char *at = strtok_r(launcher, " ", &rest); at; at = strtok_r(NULL, " ", &rest))
        if (n < MAX_LAUNCHER_WORDS) word[n++] = at;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(np, 24, "%lld", o->np ? (long long)o->np : (long long)cores + 1);
    word[n++] = "-n";
    word[n++] = np;
    word[n++] = self;
    for (int i = 0; i < w->n; i++) word[n++] = w->at[i];
    word[n] = NULL;
}

static pid_t start(const char **word)
{
    pid_t child = fork();
    if (child != 0) return child;
    setpgid(0, 0); /* the terminal's Ctrl-C comes to us alone: we end the job in order */
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, STDIN_FILENO);
    for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
        setenv(environment[i][0], environment[i][1], 0);
    execvp(word[0], (char *const *)word);
    fprintf(stderr, "shoal: cannot start %s: %s (Debian: apt install openmpi-bin)\n", word[0],
            strerror(errno));
    _exit(3); /* the environment */
}

/* Waits for the child, drawing; passes the first signal on as SIGTERM, and SIGUSR1.
 * Returns its wait status. */
static int wait_child(pid_t child, struct progress *progress)
{
    int status = 0;
    bool told = false;
    for (;;) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) return status;
        if (got < 0 && errno != EINTR) return 3 << 8;
        if (interrupted && !told) {
            kill(child, SIGTERM);
            told = true;
        }
        if (drain) kill(child, SIGUSR1); /* the launcher passes it to every rank */
        drain = 0;
        progress_draw(progress);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

/* Our status. Ranks never end with 1, and with 0 only after the journal says how the run ended:
 * without that, the launcher failed, or hides that ranks did. */
static int ended_with(int status, const char *store, int recorded)
{
    if (status > 1 || (status == 0 && !store)) return status;
    if (recorded >= 0) return recorded;
    fprintf(stderr, "shoal: the launcher ended (status %d) before the run did\n", status);
    return 3;
}

int launch(const struct options *o, const struct launch_words *w, const char *store)
{
    const char *word[MAX_WORDS];
    char np[24], self[4096], launcher[1024];
    snprintf(launcher, sizeof launcher, "%s", o->launcher ? o->launcher : "mpirun");
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        fprintf(stderr, "shoal: cannot tell where this program is: %s\n", strerror(errno));
        return 3;
    }
    self[length] = '\0';
    line(o, w, launcher, np, self, word);
    take_signals();
    struct progress *progress = progress_create(o, store);
    pid_t child = start(word);
    if (child < 0) {
        fprintf(stderr, "shoal: cannot start %s: %s\n", word[0], strerror(errno));
        progress_destroy(progress);
        return 3;
    }
    int status = wait_child(child, progress);
    int recorded = progress_finish(progress);
    progress_destroy(progress);
    if (interrupted) {
        fprintf(
            stderr,
            "\nshoal: stopped; what was finished is in the store, the same line continues\n");
        return 128 + interrupted;
    }
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (code > 128)
        fprintf(stderr, "shoal: a rank was ended by signal %d (%s); the same line continues\n",
                code - 128, strsignal(code - 128));
    return ended_with(code, store, recorded);
}
