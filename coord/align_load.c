/* align_load.c - owns the way from representations in files to features in the memory of the rank
 * that compares them: each is read by the rank that owns its model, in collective reads of one
 * dataset after the other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/comm.h"
#include "base/rng.h"
#include "coord/align_models_inner.h"

enum { READ_BYTES = 256 << 20 }; /* per rank and collective read: MPI-IO counts in ints */

/* A layer of an own model that lies in a block. */
struct piece {
    int64_t member, slot;
    float *to;
};

/* Models [first, first + count) as they are loaded: the features of own ones are at `to`. */
struct load {
    struct align_models *m;
    int64_t first, count;
    struct alignment_model *model; /* [count] */
    int rank, size;
};

static bool owns(const struct load *l, int64_t i)
{
    return alignment_owner(i - l->first, l->count, l->size) == l->rank;
}

static int by_place(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->member != y->member) return x->member < y->member ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* What this rank wants of a block, in the order of the file. NULL: no memory. */
static struct piece *pieces_of(const struct load *l, const struct block *b, int64_t *count)
{
    const struct align_models_inner *x = l->m->inner;
    struct piece *piece = malloc((size_t)(2 * b->n_members + 1) * sizeof *piece);
    *count = 0;
    for (int64_t i = l->first; piece && i < l->first + l->count; i++) {
        if (x->origin[i].kind != OF_TRIAL || !owns(l, i)) continue;
        for (int64_t j = 0; j < b->n_members; j++)
            if (b->row[j] == x->origin[i].row)
                piece[(*count)++] = (struct piece){
                    j, x->origin[i].slot, (float *)l->model[i - l->first].layer[b->layer].x};
    }
    if (piece) qsort(piece, (size_t)*count, sizeof *piece, by_place);
    return piece;
}

/* Reads count pieces into room[count, n, d]. Collective, with any count, also 0. */
static bool read_pieces(const struct load *l, const struct block *b, hid_t data,
                        const struct piece *piece, int64_t count, float *room)
{
    hid_t space = H5Dget_space(data);
    hsize_t n = (hsize_t)l->m->set.n, d = (hsize_t)b->d, size = (hsize_t)count * n * d;
    hid_t memory = size ? H5Screate_simple(1, &size, NULL) : H5Scopy(space);
    if (!size) H5Sselect_none(memory);
    H5Sselect_none(space);
    for (int64_t i = 0; i < count; i++) {
        hsize_t start[4] = {(hsize_t)piece[i].member, (hsize_t)piece[i].slot, 0, 0};
        hsize_t extent[4] = {1, 1, n, d};
        H5Sselect_hyperslab(space, H5S_SELECT_OR, start, NULL, extent, NULL);
    }
    hid_t together = H5Pcreate(H5P_DATASET_XFER);
    H5Pset_dxpl_mpio(together, H5FD_MPIO_COLLECTIVE);
    herr_t rc = H5Dread(data, H5T_NATIVE_FLOAT, memory, space, together, room);
    H5Pclose(together);
    H5Sclose(memory);
    H5Sclose(space);
    for (int64_t i = 0; i < count && rc >= 0; i++)
        memcpy(piece[i].to, room + (size_t)i * n * d, n * d * sizeof *room);
    return rc >= 0;
}

/* Collective: all ranks go through a block in the same number of reads. */
static enum err_code load_block(const struct load *l, const struct block *b, struct err *e)
{
    int64_t count, size = l->m->set.n * b->d, per_read = READ_BYTES / (4 * size);
    if (per_read < 1) per_read = 1;
    struct piece *piece = pieces_of(l, b, &count);
    int64_t reads = (count + per_read - 1) / per_read, most;
    int64_t room_for = count < per_read ? count : per_read;
    float *room = malloc((size_t)(room_for * size + 1) * sizeof *room);
    enum err_code rc = piece && room ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for features");
    rc = comm_agree(l->m->comm, rc, e);
    if (rc == ERR_OK) {
        MPI_Allreduce(&reads, &most, 1, MPI_INT64_T, MPI_MAX, l->m->comm);
        hid_t data = H5Dopen2(l->m->inner->file, b->path, H5P_DEFAULT);
        bool ok = data >= 0;
        for (int64_t i = 0; i < most; i++) {
            int64_t begin = i * per_read < count ? i * per_read : count;
            int64_t left = count - begin < per_read ? count - begin : per_read;
            ok &= read_pieces(l, b, data, piece + begin, left, room);
        }
        if (data >= 0) H5Dclose(data);
        rc = ok ? ERR_OK : ERR(e, ERR_IO, "%s: cannot read %s", l->m->path, b->path);
        rc = comm_agree(l->m->comm, rc, e);
    }
    free(piece);
    free(room);
    return rc;
}

/* x[n, RANDOM_WIDTH] = max(0, input W), W normal with variance 1 / input_d; one draw for all. */
static void random_features(const struct align_models *m, float *x)
{
    const struct align_models_inner *in = m->inner;
    struct rng draw = rng_stream(0, RNG_PERMUTE, UINT64_MAX);
    float *w = malloc((size_t)in->input_d * RANDOM_WIDTH * sizeof *w);
    INVARIANT(w);
    rng_normals(&draw, in->input_d * RANDOM_WIDTH, w);
    double scale = 1 / sqrt((double)in->input_d);
    for (int64_t i = 0; i < m->set.n; i++)
        for (int64_t j = 0; j < RANDOM_WIDTH; j++) {
            double sum = 0;
            for (int64_t c = 0; c < in->input_d; c++)
                sum += (double)in->input[i * in->input_d + c] * (double)w[j * in->input_d + c];
            x[i * RANDOM_WIDTH + j] = (float)fmax(0, sum * scale);
        }
    free(w);
}

/* Own models that are in no dataset of trials. Local. */
static enum err_code load_others(const struct load *l, struct err *e)
{
    const struct align_models_inner *x = l->m->inner;
    for (int64_t i = l->first; i < l->first + l->count; i++) {
        const struct alignment_model *model = &l->model[i - l->first];
        if (!owns(l, i)) continue;
        for (int k = 0; k < model->n_layers && x->origin[i].kind == OF_IMPORT; k++)
            TRY(imported_read(l->m->path, x->origin[i].imported, k, (float *)model->layer[k].x,
                              e));
        size_t bytes = (size_t)(l->m->set.n * model->layer[0].d) * sizeof(float);
        if (x->origin[i].kind == OF_INPUT) memcpy((float *)model->layer[0].x, x->input, bytes);
        if (x->origin[i].kind == OF_RANDOM) random_features(l->m, (float *)model->layer[0].x);
    }
    return ERR_OK;
}

/* Room for the features of own models, and the models that point there. Local. */
static enum err_code place_features(struct load *l, int slot, struct err *e)
{
    struct align_models_inner *x = l->m->inner;
    const struct alignment_set *all = &l->m->set;
    int64_t layers = 0, numbers = 0;
    for (int64_t i = l->first; i < l->first + l->count; i++)
        for (int k = 0; k < all->model[i].n_layers; k++, layers++)
            if (owns(l, i)) numbers += all->n * all->model[i].layer[k].d;
    free(x->features[slot]), free(x->model[slot]);
    x->features[slot] = malloc((size_t)(numbers + 1) * sizeof(float));
    x->model[slot] = malloc((size_t)l->count * sizeof *l->model +
                            (size_t)layers * sizeof(struct representation) + 8);
    if (!x->features[slot] || !x->model[slot])
        return ERR(e, ERR_NOMEM, "no memory for %.3g GB of features", 4e-9 * (double)numbers);
    l->model = x->model[slot];
    struct representation *layer = (struct representation *)(l->model + l->count);
    float *at = x->features[slot];
    for (int64_t i = l->first; i < l->first + l->count; i++) {
        l->model[i - l->first] = (struct alignment_model){all->model[i].n_layers, layer};
        for (int k = 0; k < all->model[i].n_layers; k++, layer++) {
            *layer = all->model[i].layer[k];
            if (!owns(l, i)) continue;
            layer->x = at;
            at += all->n * layer->d;
        }
    }
    return ERR_OK;
}

enum err_code align_models_load(struct align_models *m, int slot, int64_t first, int64_t count,
                                struct alignment_set *out, struct err *e)
{
    struct load l = {.m = m, .first = first, .count = count};
    MPI_Comm_rank(m->comm, &l.rank);
    MPI_Comm_size(m->comm, &l.size);
    TRY(comm_agree(m->comm, place_features(&l, slot, e), e));
    *out = (struct alignment_set){m->set.n, count, l.model, m->set.confound, m->set.confound_d};
    for (int i = 0; i < m->inner->n_blocks; i++) TRY(load_block(&l, &m->inner->block[i], e));
    return comm_agree(m->comm, load_others(&l, e), e);
}
