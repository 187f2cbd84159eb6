/* run.c - one run on all ranks, phase by phase: start MPI, read the file, prepare the store,
 * train, align, fit, end. Every phase ends in an agreement, so that all ranks leave with one status.
 */
#include "coord/run.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/comm.h"
#include "base/text.h"
#include "coord/align.h"
#include "coord/align_baselines.h"
#include "coord/coordinator.h"
#include "coord/folder.h"
#include "coord/provenance.h"
#include "coord/scaling.h"
#include "coord/spectra.h"
#include "coord/store.h"
#include "coord/worker_rank.h"

#define LOCK_WAIT_S 10 /* a killed run's ranks are gone after about a second */

bool run_launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK") ||
           (getenv("SLURM_STEP_ID") && getenv("SLURM_STEP_NUM_TASKS"));
}

/* The launcher's number of ranks against MPI's: srun without a matching --mpi starts N worlds
 * of one rank, which would all write the same store. */
static enum err_code world_check(int size, struct err *e)
{
    const char *names[] = {"OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE"};
    for (int i = 0; i < 3; i++) {
        const char *text = getenv(names[i]);
        if (!text) continue;
        if (atoi(text) == size) return ERR_OK;
        return ERR(e, ERR_ENV,
                   "the launcher started %s ranks (%s), but MPI sees %d: start with `srun "
                   "--mpi=pmix` or with mpirun",
                   text, names[i], size);
    }
    return ERR_OK;
}

/* srun that tells its tasks nothing of each other: MPI_Init would abort with status 1. Returns
 * the exit status, printed by the first task. Local. */
static int pmi_check(void)
{
    static const char *const known[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                        "PMI_FD"};
    const char *size = getenv("SLURM_STEP_NUM_TASKS");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (getenv(known[i])) return 0;
    if (!getenv("SLURM_STEP_ID") || !size || atoi(size) == 1) return 0;
    const char *task = getenv("SLURM_PROCID");
    struct err e = {.rank = -1};
    enum err_code code = ERR(&e, ERR_ENV,
                             "srun started %s tasks that know nothing of each other: start "
                             "with `srun --mpi=pmix` or with mpirun",
                             size);
    return task && atoi(task) > 0 ? err_status(code) : cli_fail(&e);
}

static void on_drain(int signal)
{
    (void)signal;
    job_drain = 1;
}

static void abort_all(void)
{
    MPI_Abort(MPI_COMM_WORLD, 134);
}

static enum err_code job_start(struct job *job, struct err *e)
{
    struct sigaction drain = {.sa_handler = on_drain, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &drain, NULL); /* first: a rank that dies in MPI_Init hangs mpirun */
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0); /* waiting ranks must not take a core */
    int level; /* batches are prepared in a thread that calls no MPI */
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    err_abort = abort_all;
    job->world = MPI_COMM_WORLD;
    job->workers = MPI_COMM_NULL;
    MPI_Comm_rank(job->world, &job->rank);
    MPI_Comm_size(job->world, &job->size);
    job->n_workers = job->size > 1 ? job->size - 1 : 1;
    job->fronted = getenv("SHOAL_FRONTED") != NULL;
    TRY(world_check(job->size, e));
    bool trains = job->size == 1 || job->rank > 0;
    MPI_Comm_split(job->world, trains ? 0 : MPI_UNDEFINED, job->rank, &job->workers);
    return ERR_OK;
}

/* Rank 0 reads, checks and plans the file; the others get its text, and read the same sweep
 * from it. Returns the exit status of what is wrong with it, printed by rank 0. Collective over
 * the world. */
static int read_sweep(struct job *job, const struct options *o)
{
    int status = 0;
    struct text source = {0};
    if (job->rank == 0 && cli_plan(o, &job->sweep, &job->plan, &status))
        text_add(&source, "%s", job->sweep->file->source);
    MPI_Bcast(&status, 1, MPI_INT, 0, job->world);
    if (status) return status;
    long length = (long)source.length;
    MPI_Bcast(&length, 1, MPI_LONG, 0, job->world);
    if (job->rank > 0) {
        source.at = calloc((size_t)length + 1, 1);
        INVARIANT(source.at);
    }
    MPI_Bcast(source.at, comm_int(length), MPI_BYTE, 0, job->world);
    struct err e = {.rank = -1};
    enum err_code code = ERR_OK;
    if (job->rank > 0) code = cli_sweep(o, o->arg[0], source.at, &job->sweep, &e);
    text_clear(&source);
    code = comm_agree(job->world, code, &e);
    if (code != ERR_OK && job->rank == 0) cli_fail(&e);
    return err_status(code);
}

/* Sets the journal's run going: who runs what where, and which trials of earlier runs are not
 * among it. Local to rank 0. */
static enum err_code note_run(struct job *job, struct err *e)
{
    struct event run = {.name = "run", .count = job->plan->n_trials, .worker = job->size};
    for (int64_t t = 0; t < job->plan->n_trials; t++) run.cost += plan_flops(job->plan, t);
    gethostname(run.text, 64);
    TRY(journal_append(job->journal, &run, e));
    job->noted = true;
    const struct trial_status *known;
    for (int64_t place = 0; (known = state_next(job->state, &place));)
        if (plan_find(job->plan, known->id) < 0)
            TRY(journal_append(job->journal,
                               &(struct event){.name = "dropped", .trial = known->id}, e));
    return journal_sync(job->journal, e);
}

static struct journal *beating;

static void on_beat(int signal)
{
    (void)signal;
    journal_beat(beating);
}

/* Signs of life while one rank alone is inside a long trial or measure; NULL ends them. */
static void beat_alone(struct journal *j)
{
    struct sigaction beat = {.sa_handler = j ? on_beat : SIG_IGN, .sa_flags = SA_RESTART};
    time_t every_s = j ? 2 : 0;
    if (j) beating = j;
    sigaction(SIGALRM, &beat, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{every_s, 0}, {every_s, 0}}, NULL);
}

/* A store whose journal is gone: its numbers may be whole, but nothing vouches for them. */
static void warn_of_history(const struct job *job)
{
    int64_t n = 0;
    for (int64_t t = 0; t < job->plan->n_trials; t++) n += job->written[t];
    if (n)
        fprintf(stderr,
                "shoal: warning: '%s.d' has no journal of '%s': its %lld finished trials are "
                "trained again\n",
                job->store, job->store, (long long)n);
}

/* Keeps the sweep as it is now in STORE.d/sweep.yaml: its report and analysis blocks may change when
 * its trials do not. Local to rank 0. */
static enum err_code keep_sweep(const struct job *job, struct err *e)
{
    char dir[4096];
    struct text text = {0};
    char *resolved = sweep_resolved(job->sweep);
    snprintf(dir, sizeof dir, "%s.d", job->store);
    text_add(&text, "%s", resolved);
    free(resolved);
    enum err_code code = folder_write(dir, SWEEP_KEPT, &text, e);
    text_clear(&text);
    return code;
}

/* What rank 0 does before any trial: lock, store, state. A journal without its store is
 * history: the event "created" says that nothing before it counts. Local to rank 0. */
static enum err_code prepare(struct job *job, struct err *e)
{
    job->row = calloc((size_t)job->plan->n_trials + 1, sizeof *job->row);
    if (!job->row)
        return ERR(e, ERR_NOMEM, "no memory for %lld rows", (long long)job->plan->n_trials);
    TRY(journal_open(job->store, LOCK_WAIT_S, &job->journal, e));
    if (access(job->store, F_OK) != 0) {
        TRY(journal_append(job->journal, &(struct event){.name = "created"}, e));
        TRY(journal_sync(job->journal, e));
    }
    struct provenance provenance;
    job->written = calloc((size_t)job->plan->n_trials + 1, sizeof *job->written);
    if (!job->written)
        return ERR(e, ERR_NOMEM, "no memory for %lld rows", (long long)job->plan->n_trials);
    TRY(provenance_collect(&provenance, job, e));
    enum err_code code = store_prepare(job->store, job->plan, provenance.pair, job->row, e);
    provenance_clear(&provenance);
    TRY(code);
    TRY(keep_sweep(job, e));
    TRY(store_written(job->store, job->plan, job->written, e));
    TRY(state_read(job->store, &job->state, e));
    if (job->size == 1) beat_alone(job->journal);
    if (state_run(job->state)->runs == 0) warn_of_history(job);
    return note_run(job, e);
}

/* The trials. Collective over the world: rank 0 coordinates, the others serve. */
static enum err_code train(struct job *job, struct tally *tally, struct err *e)
{
    struct worker_rank *self = NULL;
    int number = job->size == 1 ? 0 : job->rank - 1;
    enum err_code code = ERR_OK;
    if (job->workers != MPI_COMM_NULL) code = worker_rank_open(job, number, &self, e);
    code = comm_agree(job->world, code, e);
    if (code == ERR_OK && job->rank == 0) code = coordinator_run(job, self, tally, e);
    if (code == ERR_OK && job->rank > 0) worker_rank_serve(self);
    struct err closing = {0};
    enum err_code closed = worker_rank_close(self, &closing);
    if (code == ERR_OK && closed != ERR_OK) {
        code = closed;
        *e = closing;
    }
    return comm_agree(job->world, code, e);
}

static int measure_names(const struct analysis_spec *spec, const char **name)
{
    for (int i = 0; i < spec->n_measures; i++) name[i] = spec->measure[i];
    return spec->n_measures;
}

enum err_code run_print_scores(const char *store, const struct analysis_spec *spec,
                               struct err *e)
{
    const char *name[SWEEP_MAX_MEASURES];
    int n = measure_names(spec, name);
    return align_json(store, name, n, spec->spectra, stdout, e);
}

/* Collective over comm. classes and force as in struct align_request. */
static enum err_code measure(MPI_Comm comm, const char *store, const struct analysis_spec *spec,
                             const char *classes, bool force, struct err *e)
{
    const char *name[SWEEP_MAX_MEASURES];
    int n = measure_names(spec, name);
    struct align_request request = {
        .options.alignment = {.normalize = spec->normalize,
                              .epsilon = spec->epsilon,
                              .clip = spec->clip,
                              .clip_by = spec->clip_by,
                              .precision = spec->precision,
                              .sigma = spec->sigma,
                              .concat = spec->concat},
        .options.null = {.permutations = spec->permutations,
                         .alpha = spec->alpha,
                         .within_class = spec->within_class},
        .memory_gb = spec->memory_gb,
        .classes = classes,
        .force = force,
    };
    char *probe = request.options.alignment.probe;
    snprintf(probe, sizeof request.options.alignment.probe, "%s", spec->probe);
    TRY(align_baselines_parse(spec->baselines, &request.baselines, e));
    if (n > 0) TRY(align_store(comm, store, name, n, &request, e));
    return spec->spectra ? spectra_store(comm, store, &request, e) : ERR_OK;
}

/* The measures that the file asks for, on the workers; rank 0 sleeps until they are done.
 * Collective over the world. */
static enum err_code analyse(struct job *job, struct err *e)
{
    const struct analysis_spec *spec = &job->sweep->analysis;
    bool any = spec->n_measures > 0 || spec->spectra;
    if (!any || job->sweep->record.n_layers == 0) return ERR_OK;
    enum err_code code = ERR_OK;
    if (job->workers != MPI_COMM_NULL) {
        code = measure(job->workers, job->store, spec, NULL, false, e);
        if (job->rank == 1) MPI_Send(NULL, 0, MPI_BYTE, 0, JOB_READY, job->world);
    } else {
        MPI_Status status;
        while (!job_wait(job->world, 1, 5000, &status)) journal_beat(job->journal);
        MPI_Recv(NULL, 0, MPI_BYTE, 1, JOB_READY, job->world, MPI_STATUS_IGNORE);
    }
    return comm_agree(job->world, code, e);
}

/* The scaling fits that the file asks for. What cannot be fitted is said, and no failure of the
 * run. Local to rank 0. */
static enum err_code fit_scaling(struct job *job, struct err *e)
{
    const struct analysis_spec *spec = &job->sweep->analysis;
    json_t *document = NULL;
    if (spec->n_scaling == 0) return ERR_OK;
    enum err_code code =
        scaling_store(job->store, job->sweep, spec->n_scaling, spec->scaling, &document, e);
    if (code == ERR_OK && scaling_refused(document))
        fprintf(stderr, "shoal: warning: no scaling fit: %s\n", scaling_refused(document));
    json_decref(document);
    return code;
}

/* Did rank 0 stop early? Collective over the world. */
static bool stopped(struct job *job, const struct tally *tally)
{
    int early = tally->stopped;
    MPI_Bcast(&early, 1, MPI_INT, 0, job->world);
    return early;
}

/* A drain is resumable whatever failed; a run that stopped over its failures is not. */
static int status_of(const struct tally *t)
{
    if (t->stopped && (job_drain || !t->failed)) return err_status(ERR_STOPPED);
    return t->failed ? 1 : 0;
}

/* The event that the run is over. Local to rank 0. */
static enum err_code note_end(struct job *job, int status, struct err *e)
{
    TRY(journal_append(job->journal, &(struct event){.name = "ended", .count = status}, e));
    job->noted = false;
    return journal_sync(job->journal, e);
}

/* One line that says how it ended, and the event. Local to rank 0. */
static enum err_code conclude(struct job *job, const struct tally *t, int status, double began,
                              struct err *e)
{
    TRY(note_end(job, status, e));
    if (job->fronted || job->quiet) return ERR_OK;
    char took[32], skipped[48] = "";
    if (t->skipped) snprintf(skipped, sizeof skipped, ", %lld skipped", (long long)t->skipped);
    fprintf(stderr,
            "%s: %lld trials: %lld done now, %lld before, %lld diverged, %lld failed%s in "
            "%s%s\n",
            job->sweep->name, (long long)t->total, (long long)t->done, (long long)t->before,
            (long long)t->diverged, (long long)t->failed, skipped,
            text_duration(job_now() - began, took),
            t->stopped ? "; stopped early, the same line continues" : "");
    return ERR_OK;
}

static void job_end(struct job *job)
{
    struct err ignored;
    if (job->size == 1) beat_alone(NULL);
    journal_close(job->journal, &ignored);
    state_destroy(job->state);
    plan_destroy(job->plan);
    sweep_destroy(job->sweep);
    free(job->row);
    free(job->written);
    if (job->workers != MPI_COMM_NULL) MPI_Comm_free(&job->workers);
    MPI_Finalize();
}

int run_ranks(const struct options *o, const char *store)
{
    struct job job = {.store = store, .quiet = o->quiet};
    struct err e = {.rank = -1};
    struct tally tally = {0};
    double began = job_now();
    int status = pmi_check();
    if (status) return status;
    enum err_code code = job_start(&job, &e);
    if (code == ERR_OK && o->np > 1 && job.size == 1)
        code =
            ERR(&e, ERR_ENV, "--np %lld: this process was started by a launcher, as one of %d",
                (long long)o->np, job.size);
    if (code == ERR_OK) {
        status = read_sweep(&job, o);
        if (status == 0) {
            code = comm_agree(job.world, job.rank == 0 ? prepare(&job, &e) : ERR_OK, &e);
            if (code == ERR_OK) code = train(&job, &tally, &e);
            bool whole = code == ERR_OK && !stopped(&job, &tally);
            if (whole) code = analyse(&job, &e);
            if (whole && code == ERR_OK && job.rank == 0) code = fit_scaling(&job, &e);
            if (code == ERR_OK && job.rank == 0) {
                status = status_of(&tally);
                code = conclude(&job, &tally, status, began, &e);
            }
            code = comm_agree(job.world, code, &e);
        }
    }
    if (code != ERR_OK) status = job.rank == 0 ? cli_fail(&e) : err_status(code);
    struct err ignored;
    if (job.noted) note_end(&job, status, &ignored); /* failed, not dead */
    MPI_Bcast(&status, 1, MPI_INT, 0, job.world);
    job_end(&job);
    return job.fronted && code == ERR_OK ? 0 : status;
}

/* No run may write while all ranks read, each for itself, which trials are done: they would
 * disagree and wait for each other forever. */
static enum err_code align_lock(struct job *job, struct err *e)
{
    return job->rank == 0 ? journal_open(job->store, LOCK_WAIT_S, &job->journal, e) : ERR_OK;
}

int run_align(const struct options *o, const char *store, const struct analysis_spec *spec)
{
    struct job job = {.store = store};
    struct err e = {.rank = -1};
    int status = pmi_check();
    if (status) return status;
    enum err_code code = job_start(&job, &e);
    if (code == ERR_OK) code = comm_agree(job.world, align_lock(&job, &e), &e);
    if (code == ERR_OK) code = measure(job.world, store, spec, o->classes, o->force, &e);
    if (code == ERR_OK && job.rank == 0 && o->json) code = run_print_scores(store, spec, &e);
    status = code == ERR_OK ? 0 : job.rank == 0 ? cli_fail(&e) : err_status(code);
    job_end(&job);
    return status;
}
