/* feed.c - which samples a batch holds, and the thread that looks one batch ahead.
 *
 * prepare() is the sequence itself; order, epoch, key, partner and room belong to whoever runs
 * it. The thread runs it between a `wanted` set by feed_take and the `prepared` it sets itself,
 * feed_take in between: never both. Two buffers take turns, step by step. */
#include "worker/feed.h"

#include <signal.h>
#include <string.h>

#include "worker/seeds.h"

enum { WORTH_A_THREAD = 1 << 13 }; /* numbers of a batch whose preparation outweighs waking */

static bool is_ideal(const struct config *c)
{
    return c->data.world == WORLD_IDEAL;
}

/* Samples of a permutation; 0 where they come in sequence. */
static int64_t order_size(const struct setup *s, int64_t per_batch)
{
    int64_t repeats = s->config->data.augreps ? s->config->data.augreps : 1;
    if (!is_ideal(s->config)) return per_batch < s->n_train ? s->n_train : 0;
    return s->n_pool == INT64_MAX ? 0 : s->n_pool * repeats;
}

static bool worth_a_thread(const struct setup *s, bool held)
{
    return s->batch * s->data.dim >= WORTH_A_THREAD && s->steps > 1 &&
           (!held || augment_changes(s->config));
}

double feed_bytes(const struct setup *s)
{
    double buffers = worth_a_thread(s, false) ? 2 : 1;
    double bytes = buffers * samples_bytes(&s->data, s->batch);
    bytes += (double)s->batch * (sizeof(uint64_t) + sizeof(int64_t) + 2 * sizeof(int32_t));
    bytes += 2 * (double)s->data.dim * sizeof(real);
    return bytes + (double)order_size(s, s->batch) * sizeof(int64_t);
}

static void shuffle(struct feed *f, int64_t epoch)
{
    if (f->epoch == epoch) return;
    struct rng r = rng_stream(f->order_seed, RNG_ORDER, (uint64_t)epoch);
    rng_permutation(&r, f->n_order, f->order);
    f->epoch = epoch;
}

/* The places in the source of a batch's n samples, and what their augmentation is a function
 * of. */
static void choose(struct feed *f, int64_t step, int64_t n, int64_t *place)
{
    bool ideal = is_ideal(f->config);
    int64_t epoch = ideal ? 0 : step / f->per_epoch, first = (step - epoch * f->per_epoch) * n;
    if (f->order) shuffle(f, epoch);
    for (int64_t i = 0; i < n; i++) {
        int64_t number = f->order ? f->order[first + i] : first + i;
        int64_t variant = epoch % f->repeats;
        if (ideal && f->repeats > 1) {
            variant = number / f->source.n;
            number %= f->source.n;
        }
        place[i] = number;
        if (f->fixed)
            f->key[i] = (uint64_t)(variant * f->source.data->shape.pool[SPLIT_TRAIN] +
                                   samples_index(&f->source, number));
    }
    if (!f->fixed)
        for (int64_t i = 0; i < f->batch; i++) f->key[i] = (uint64_t)(step * f->batch + i);
}

/* Rows 0..n-1, perhaps of the set's own memory, become rows 2i and 2i + 1 of the batch's. */
static void double_rows(int64_t n, int64_t dim, struct batch *b)
{
    for (int64_t i = n - 1; i >= 0; i--)
        for (int64_t row = 2 * i + 1; row >= 2 * i; row--) {
            memmove(b->own_x + row * dim, b->x + i * dim, (size_t)dim * sizeof *b->own_x);
            b->own_label[row] = b->label[i];
        }
    b->n = 2 * n;
    b->x = b->own_x;
    b->label = b->own_label;
}

/* Makes batch `step` in its buffer. */
static void prepare(struct feed *f, int64_t step)
{
    struct batch *b = &f->buffer[step % 2];
    const struct config *c = f->config;
    int64_t n = f->batch / f->views, dim = f->source.data->shape.dim;
    if (!b->own_x) { /* the whole set as it is */
        samples_range(&f->source, 0, n, b);
        return;
    }
    choose(f, step, n, b->own_index);
    samples_pick(&f->source, b->own_index, n, b);
    if (f->views == 2) double_rows(n, dim, b);
    if (f->changes)
        for (int64_t i = 0; i < f->batch; i++)
            augment_image(&f->augment, f->augment_seed, RNG_AUGMENT, f->key[i],
                          b->own_x + i * dim, f->room);
    if (c->data.mixup > 0) {
        b->mix = augment_mixup(c->data.mixup, f->augment_seed, step, n, dim, b->own_x, b->label,
                               f->label2[step % 2], f->partner, f->room);
        b->label2 = f->label2[step % 2];
    }
}

static void *look_ahead(void *argument)
{
    struct feed *f = argument;
    pthread_mutex_lock(&f->lock);
    while (!f->quit) {
        if (f->wanted < 0) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        int64_t step = f->wanted;
        pthread_mutex_unlock(&f->lock);
        prepare(f, step);
        pthread_mutex_lock(&f->lock);
        f->prepared = step;
        f->wanted = -1;
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Signals are the main thread's. Where no thread is to be had, batches are made when asked
 * for. */
static void start_thread(struct feed *f)
{
    sigset_t all, before;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    f->threaded = pthread_create(&f->thread, NULL, look_ahead, f) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (f->threaded) return;
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

void feed_clear(struct feed *f)
{
    if (!f->threaded) return;
    pthread_mutex_lock(&f->lock);
    f->quit = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    f->threaded = false;
}

const struct batch *feed_take(struct feed *f, int64_t step)
{
    struct batch *b = &f->buffer[step % 2];
    if (!f->threaded) {
        prepare(f, step);
        return b;
    }
    pthread_mutex_lock(&f->lock);
    while (f->wanted >= 0) pthread_cond_wait(&f->changed, &f->lock);
    if (f->prepared != step) prepare(f, step);
    f->prepared = -1;
    if (step + 1 < f->steps) f->wanted = step + 1;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    return b;
}

void feed_augment(struct feed *f, const struct samples *train, int64_t step, int64_t first,
                  struct batch *b)
{
    if (!f->changes) return;
    int64_t dim = train->data->shape.dim;
    if (b->x != b->own_x) memcpy(b->own_x, b->x, (size_t)(b->n * dim) * sizeof *b->own_x);
    b->x = b->own_x;
    for (int64_t i = 0; i < b->n; i++) {
        int64_t key = f->fixed ? samples_index(train, first + i) : step * train->n + first + i;
        augment_image(&f->augment, f->augment_seed, f->fixed ? RNG_AUGMENT : RNG_METRIC,
                      (uint64_t)key, b->own_x + i * dim, f->room_shown);
    }
}

void feed_views(struct feed *f, int64_t first, struct batch *b)
{
    int64_t dim = f->source.data->shape.dim;
    double_rows(b->n, dim, b);
    for (int64_t i = 0; i < b->n; i++)
        augment_image(&f->augment, f->augment_seed, RNG_METRIC, (uint64_t)(2 * first + i),
                      b->own_x + i * dim, f->room_shown);
}

static enum err_code allocate(struct feed *f, const struct setup *s, bool ahead,
                              struct arena *arena, struct err *e)
{
    const struct data_shape *shape = &s->data;
    bool as_it_is =
        !f->order && f->source.x && f->views == 1 && !f->changes && s->config->data.mixup == 0;
    f->buffer[0] = f->buffer[1] = (struct batch){.mix = 1};
    if (as_it_is) return ERR_OK;
    TRY(batch_init(&f->buffer[0], shape, f->batch, arena, e));
    f->buffer[1] = f->buffer[0];
    if (ahead) TRY(batch_init(&f->buffer[1], shape, f->batch, arena, e));
    f->key = arena_array(arena, (size_t)f->batch, sizeof *f->key);
    f->partner = arena_array(arena, (size_t)f->batch, sizeof *f->partner);
    f->room = arena_array(arena, (size_t)shape->dim, sizeof *f->room);
    f->room_shown = arena_array(arena, (size_t)shape->dim, sizeof *f->room_shown);
    for (int i = 0; i < 2; i++)
        f->label2[i] = arena_array(arena, (size_t)f->batch, sizeof *f->label2[i]);
    if (f->key && f->partner && f->room && f->room_shown && f->label2[0] && f->label2[1])
        return ERR_OK;
    return ERR(e, ERR_NOMEM, "no memory for batches of %lld samples", (long long)f->batch);
}

enum err_code feed_init(struct feed *f, const struct setup *s, const struct worker_sets *sets,
                        const struct task *task, struct arena *arena, struct err *e)
{
    const struct config *c = s->config;
    bool ideal = is_ideal(c);
    int64_t per_batch = s->batch / s->views;
    *f = (struct feed){.config = c,
                       .source = ideal ? sets->pool : sets->train,
                       .batch = s->batch,
                       .views = s->views,
                       .per_epoch = ideal ? s->steps : s->n_train / per_batch,
                       .steps = s->steps,
                       .repeats = c->data.augreps ? c->data.augreps : 1,
                       .n_order = order_size(s, per_batch),
                       .epoch = -1,
                       .order_seed = seeds_trial(task, c->seeds.order),
                       .augment_seed = seeds_trial(task, c->seeds.augment),
                       .changes = augment_changes(c),
                       .fixed = c->data.augreps > 0,
                       .augment = augment_init(c, &s->data),
                       .wanted = -1,
                       .prepared = -1};
    if (f->n_order) {
        f->order = arena_array(arena, (size_t)f->n_order, sizeof *f->order);
        if (!f->order) return ERR(e, ERR_NOMEM, "no memory for the order of samples");
    }
    bool ahead = worth_a_thread(s, f->source.x != NULL);
    TRY(allocate(f, s, ahead, arena, e));
    if (ahead) start_thread(f);
    return ERR_OK;
}
