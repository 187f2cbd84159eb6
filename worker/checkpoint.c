/* checkpoint.c - see checkpoint.h.
 *
 * A file is a header and the parts in the order of `parts`. The header has a hash of all that the
 * run depends on, the sizes of the parts among it, and one of their bytes: a file of another
 * trial, of another sweep or of another shoal, or a damaged one, is as good as none. */
#include "worker/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "worker/trainer.h"

enum { MAGIC = 0x6b706873, VERSION = 1, MAX_PARTS = 8 + TASK_MAX_LAYERS * TASK_MAX_PROBE_SETS };

struct header {
    uint32_t magic, version;
    uint64_t run;   /* hash of what the run is a function of */
    uint64_t parts; /* hash of the bytes behind the header */
    int64_t step, updates, records;
};

struct part {
    void *at;
    size_t bytes;
};

static int parts(struct trainer *t, struct part out[MAX_PARTS])
{
    const struct setup *s = &t->setup;
    const struct rows *rows = t->trial->rows;
    const struct record *r = s->record;
    size_t state = (size_t)optim_state_size(s->config, s->graph.size);
    size_t numbers = (size_t)r->n_metrics * (size_t)s->n_records;
    int n = 0;
    out[n++] = (struct part){s->graph.w, (size_t)s->graph.size * sizeof(real)};
    out[n++] = (struct part){t->optim.state, state * sizeof(real)};
    out[n++] = (struct part){rows->metric, numbers * sizeof *rows->metric};
    out[n++] = (struct part){rows->step, (size_t)s->n_records * sizeof *rows->step};
    out[n++] = (struct part){t->slot_filled, sizeof t->slot_filled};
    for (int v = 0; v < r->n_layers * r->n_probe_sets; v++) {
        size_t d = (size_t)s->graph.node[s->layer[v % r->n_layers]].shape.dim;
        size_t probes = (size_t)r->probe[v / r->n_layers].n;
        out[n++] =
            (struct part){rows->layer[v], (size_t)r->n_slots * probes * d * sizeof(float)};
    }
    return n;
}

/* What a run depends on: its task but for the attempt, what it records, the sizes of the
 * parts. */
static uint64_t run_hash(const struct trainer *t, int n, const struct part *part)
{
    const struct task *task = t->trial->task;
    struct task same;
    memcpy(&same, task, sizeof same);
    same.attempt = 0;
    XXH64_hash_t hash = XXH64(&same, sizeof same, VERSION);
    hash = XXH64(t->setup.record, sizeof *t->setup.record, hash);
    for (int i = 0; i < n; i++) hash = XXH64(&part[i].bytes, sizeof part[i].bytes, hash);
    return hash;
}

/* Of what the header says of the run's place, and of the parts. */
static uint64_t parts_hash(const struct header *h, int n, const struct part *part)
{
    const int64_t place[] = {h->step, h->updates, h->records};
    XXH64_hash_t hash = XXH64(place, sizeof place, VERSION);
    for (int i = 0; i < n; i++) hash = XXH64(part[i].at, part[i].bytes, hash);
    return hash;
}

static void path_of(const struct checkpoints *c, int64_t row, const char *ending,
                    char out[CHECKPOINT_PATH + 64])
{
    snprintf(out, CHECKPOINT_PATH + 64, "%s/%lld.checkpoint%s", c->folder, (long long)row,
             ending);
}

bool checkpoint_due(const struct trainer *t)
{
    double every_s = t->checkpoints ? t->checkpoints->every_s : 0;
    return every_s > 0 && t->step < t->setup.steps && trainer_now_s() - t->kept_s >= every_s;
}

static bool write_all(FILE *file, const struct header *h, int n, const struct part *part)
{
    bool ok = fwrite(h, sizeof *h, 1, file) == 1;
    for (int i = 0; ok && i < n; i++)
        ok = fwrite(part[i].at, 1, part[i].bytes, file) == part[i].bytes;
    return ok && fflush(file) == 0 && fdatasync(fileno(file)) == 0;
}

void checkpoint_save(struct trainer *t, int64_t records)
{
    struct part part[MAX_PARTS];
    int n = parts(t, part);
    struct header h = {.magic = MAGIC,
                       .version = VERSION,
                       .run = run_hash(t, n, part),
                       .step = t->step,
                       .updates = t->optim.t,
                       .records = records};
    h.parts = parts_hash(&h, n, part);
    char path[CHECKPOINT_PATH + 64], fresh[CHECKPOINT_PATH + 64];
    int64_t row = t->trial->task->trial;
    path_of(t->checkpoints, row, "", path);
    path_of(t->checkpoints, row, ".new", fresh);
    mkdir(t->checkpoints->folder, 0777);
    FILE *file = fopen(fresh, "wb");
    bool ok = file && write_all(file, &h, n, part);
    if (file && fclose(file) != 0) ok = false;
    if (!ok || rename(fresh, path) != 0) {
        fprintf(stderr, "shoal: warning: no checkpoint '%s': %s\n", path, strerror(errno));
        unlink(fresh);
    }
    t->kept_s = trainer_now_s();
}

/* Reads a checkpoint into its parts, which may be half filled after a failure. */
static bool read_all(FILE *file, const struct trainer *t, struct header *h, int n,
                     const struct part *part)
{
    char beyond;
    if (fread(h, sizeof *h, 1, file) != 1) return false;
    if (h->magic != MAGIC || h->version != VERSION || h->run != run_hash(t, n, part))
        return false;
    if (h->step < 0 || h->step > t->setup.steps || h->records < 0 ||
        h->records > t->setup.n_records)
        return false;
    for (int i = 0; i < n; i++)
        if (fread(part[i].at, 1, part[i].bytes, file) != part[i].bytes) return false;
    return fread(&beyond, 1, 1, file) == 0 && h->parts == parts_hash(h, n, part);
}

/* Copies of the parts, to be given back where a checkpoint fails half read; NULL: no memory. */
static char *parts_copy(int n, const struct part *part)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++) bytes += part[i].bytes;
    char *copy = malloc(bytes + 1), *to = copy;
    for (int i = 0; copy && i < n; i++) {
        memcpy(to, part[i].at, part[i].bytes);
        to += part[i].bytes;
    }
    return copy;
}

static void parts_restore(int n, const struct part *part, const char *from)
{
    for (int i = 0; i < n; i++) {
        memcpy(part[i].at, from, part[i].bytes);
        from += part[i].bytes;
    }
}

int64_t checkpoint_load(struct trainer *t)
{
    char path[CHECKPOINT_PATH + 64];
    struct part part[MAX_PARTS];
    struct header h;
    t->kept_s = trainer_now_s();
    if (!t->checkpoints || t->checkpoints->every_s <= 0) return 0;
    path_of(t->checkpoints, t->trial->task->trial, "", path);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    int n = parts(t, part);
    char *before = parts_copy(n, part);
    bool whole = before && read_all(file, t, &h, n, part);
    if (whole) {
        t->step = h.step;
        t->optim.t = h.updates;
        fprintf(stderr, "shoal: row %lld goes on at step %lld\n",
                (long long)t->trial->task->trial, (long long)h.step);
    } else {
        if (before) parts_restore(n, part, before);
        fprintf(stderr, "shoal: warning: '%s' is no checkpoint of this trial: from the start\n",
                path);
    }
    free(before);
    fclose(file);
    return whole ? h.records : 0;
}

void checkpoint_remove(const struct checkpoints *c, int64_t row)
{
    char path[CHECKPOINT_PATH + 64];
    if (c->every_s <= 0) return;
    path_of(c, row, "", path);
    unlink(path);
}
