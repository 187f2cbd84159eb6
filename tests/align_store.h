/* align_store.h - a small store with representations, made by the schema in coord/store.h, and
 * requests to align it, for test_align.c and test_align_models.c. */
#ifndef SHOAL_TESTS_ALIGN_STORE_H
#define SHOAL_TESTS_ALIGN_STORE_H

#include <hdf5.h>
#include <inttypes.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/align.h"
#include "coord/journal.h"
#include "coord/state.h"
#include "tests/check_main.h"

enum { ROWS = 8, SLOTS = 2, N = 25, LAYERS = 2 };

/* Row 0 is not in use; the logits of two trials are wider, so that they are two datasets. */
static const uint64_t ids[ROWS] = {0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7};
static const uint8_t states[ROWS] = {TRIAL_PLANNED, TRIAL_DONE, TRIAL_DIVERGED, TRIAL_DONE,
                                     TRIAL_DONE,    TRIAL_DONE, TRIAL_RUNNING,  TRIAL_DONE};
static const int64_t done[] = {1, 3, 4, 5, 7};
enum { DONE = sizeof done / sizeof *done };
static const char *const layers[LAYERS] = {"hidden.last", "hidden.2"}; /* not alphabetical */

static const struct align_request request = {
    .options.alignment = {.normalize = ALIGN_L2, .clip = 1}, .memory_gb = 1};
static char folder[256], store[300];

static int rank_of_world(void)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static int64_t width(int64_t row, int layer)
{
    return layer == 0 ? 6 : row == 3 || row == 7 ? 5 : 3;
}

/* Features of the last slot; what was recorded before is something else. */
static float feature(int64_t row, int layer, int slot, int64_t i)
{
    uint64_t s = (uint64_t)(row * 1000003 + layer * 70001 + slot * 31 + i * 977 + 1);
    for (int k = 0; k < 4; k++) s = s * 6364136223846793005u + 1442695040888963407u;
    return (float)((int)(s >> 40) % 1000) / 256.0f;
}

static void put(hid_t to, const char *name, hid_t type, int n_dims, const hsize_t *dims,
                const void *values)
{
    hid_t space = H5Screate_simple(n_dims, dims, NULL);
    hid_t d = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(d);
    H5Sclose(space);
}

/* /representations/test/<layer>/<d> with the trials of that width, all rows but 0. */
static void put_block(hid_t group, int layer, int64_t d)
{
    char name[32];
    int64_t trial[ROWS];
    hsize_t count = 0;
    float *data = calloc((size_t)(ROWS * SLOTS * N * d), sizeof *data);
    for (int64_t row = 1; row < ROWS; row++) {
        if (width(row, layer) != d) continue;
        for (int slot = 0; slot < SLOTS; slot++)
            for (int64_t i = 0; i < N * d; i++)
                data[((int64_t)count * SLOTS + slot) * N * d + i] =
                    feature(row, layer, slot, i);
        trial[count++] = row;
    }
    snprintf(name, sizeof name, "%" PRId64, d);
    hid_t g = H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put(g, "trial", H5T_NATIVE_INT64, 1, &count, trial);
    put(g, "data", H5T_NATIVE_FLOAT, 4, (hsize_t[]){count, SLOTS, N, (hsize_t)d}, data);
    H5Gclose(g);
    free(data);
}

static void put_representations(hid_t file)
{
    hid_t ordered = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(ordered, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t all = H5Gcreate2(file, "representations", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t probe = H5Gcreate2(all, "test", H5P_DEFAULT, ordered, H5P_DEFAULT);
    for (int l = 0; l < LAYERS; l++) {
        hid_t g = H5Gcreate2(probe, layers[l], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        for (int64_t d = 1; d < 10; d++)
            if (d == width(1, l) || d == width(3, l)) put_block(g, l, d);
        H5Gclose(g);
    }
    put(probe, "probe", H5T_NATIVE_INT32, 1, (hsize_t[]){1}, &(int){0}); /* a scale: no layer */
    H5Gclose(probe);
    H5Gclose(all);
    H5Pclose(ordered);
}

/* A store with these states. Collective. */
static inline void make_store(const uint8_t *state, bool representations)
{
    MPI_Barrier(MPI_COMM_WORLD); /* nobody reads the one before any more */
    if (rank_of_world() == 0) {
        hid_t file = H5Fcreate(store, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        hid_t g = H5Gcreate2(file, "trials", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        put(g, "id", H5T_NATIVE_UINT64, 1, (hsize_t[]){ROWS}, ids);
        put(g, "state", H5T_NATIVE_UINT8, 1, (hsize_t[]){ROWS}, state);
        H5Gclose(g);
        if (representations) put_representations(file);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void aligned_path(char out[320])
{
    journal_path(store, "alignment.h5", out, 320);
}

static inline void remove_scores(void)
{
    char path[320];
    aligned_path(path);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) unlink(path);
    MPI_Barrier(MPI_COMM_WORLD);
}

static inline bool has_scores(void)
{
    char path[320];
    aligned_path(path);
    MPI_Barrier(MPI_COMM_WORLD);
    return access(path, F_OK) == 0;
}

static inline void setup(void)
{
    make_store(states, true);
    remove_scores();
}

static inline enum err_code align(const char *measure, struct align_request o, bool force,
                                  struct err *e)
{
    o.force = force;
    enum err_code rc = align_store(MPI_COMM_WORLD, store, &measure, 1, &o, e);
    MPI_Barrier(MPI_COMM_WORLD);
    return rc;
}

/* One score of a pair of models in the file; -2 if the measure is not there. */
static inline double score_of(const char *measure, int64_t a, int64_t b)
{
    struct align_file f;
    struct err e = {0};
    ck_assert_msg(align_file_read(store, &f, &e) == ERR_OK, "%s", e.text);
    const struct align_scores *s = align_file_find(&f, measure);
    double out = s ? s->field[ALIGN_SCORE][a * f.n_models + b] : -2;
    align_file_clear(&f);
    MPI_Barrier(MPI_COMM_WORLD);
    return out;
}

/* Writes a number that no measure gives, to see whether it is computed again. */
static inline void mark_score(const char *measure)
{
    if (rank_of_world() == 0) {
        struct align_file f;
        ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
        align_file_find(&f, measure)->field[ALIGN_SCORE][1] = 77;
        ck_assert_int_eq(align_file_write(store, &f, NULL), ERR_OK);
        align_file_clear(&f);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

/* A folder of its own on rank 0, its name on all. */
static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/test_align.XXXXXX", tmp ? tmp : "/tmp");
    if (rank_of_world() == 0 && !mkdtemp(folder)) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
    snprintf(store, sizeof store, "%s/store.h5", folder);
}

static void remove_folder(void)
{
    char path[320];
    remove_scores();
    if (rank_of_world() != 0) return;
    unlink(store);
    rmdir(journal_path(store, "", path, sizeof path));
    rmdir(folder);
}

#endif
