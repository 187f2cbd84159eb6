/* provenance.c - see provenance.h. build_info.h is made by the build. */
#include "coord/provenance.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "build_info.h"
#include "worker/dnn.h"

char *openblas_get_config(void);
char *openblas_get_corename(void);

static void add(struct provenance *p, const char *name, const char *value)
{
    INVARIANT(p->n < PROVENANCE_MAX);
    p->pair[2 * p->n] = name;
    p->pair[2 * p->n + 1] = arena_text(&p->arena, value);
    p->n++;
}

static void add_libraries(struct provenance *p)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = '\0';
    add(p, "mpi", text);
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, sizeof text, "HDF5 %u.%u.%u", major, minor, release);
    add(p, "hdf5", text);
    snprintf(text, sizeof text, "%s, kernels for %s", openblas_get_config(),
             openblas_get_corename());
    add(p, "blas", text);
    add(p, "convolutions", dnn_name());
}

/* "model name" of /proc/cpuinfo, where there is one. */
static void add_cpu(struct provenance *p)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        add(p, "cpu", colon + 2);
        break;
    }
    if (f) fclose(f);
}

static void add_job(struct provenance *p, const struct job *job)
{
    char text[256], host[128] = "";
    gethostname(host, sizeof host - 1);
    add(p, "host", host);
    snprintf(text, sizeof text, "%d", job->size);
    add(p, "ranks", text);
    add(p, "threads_per_rank", "1");
    snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    add(p, "cores_of_host", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)job->sweep->root);
    add(p, "root_seed", text);
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm tm;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    add(p, "created", text);
    add(p, "sweep", job->sweep->file->source);
    char *resolved = sweep_resolved(job->sweep);
    if (resolved) add(p, "resolved", resolved);
    free(resolved);
    const char *slurm = getenv("SLURM_JOB_ID");
    if (slurm) add(p, "slurm_job", slurm);
}

enum err_code provenance_collect(struct provenance *p, const struct job *job, struct err *e)
{
    *p = (struct provenance){0};
    add(p, "shoal", BUILD_VERSION);
    add(p, "revision", BUILD_REVISION);
    add(p, "compiler", BUILD_COMPILER);
    add(p, "flags", BUILD_FLAGS);
    add_libraries(p);
    add_cpu(p);
    if (job) add_job(p, job);
    for (int i = 0; i < 2 * p->n; i++)
        if (!p->pair[i]) return ERR(e, ERR_NOMEM, "no memory for the provenance");
    return ERR_OK;
}

void provenance_clear(struct provenance *p)
{
    arena_clear(&p->arena);
    *p = (struct provenance){0};
}
