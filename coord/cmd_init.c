/* cmd_init.c - `shoal init`: a first sweep file. A template is a row. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coord/cli.h"

struct template
{
    struct row row;
    const char *text;
};

static const struct template templates[] = {
    {{"teacher", "small networks learn a random teacher: 36 trials in seconds, no data needed",
      NULL},
     "# A first sweep. Every setting: shoal list settings\n"
     "#\n"
     "#   shoal check sweep.yaml                  every mistake with its place\n"
     "#   shoal plan sweep.yaml                   what will run, and what it costs\n"
     "#   shoal run sweep.yaml -o sweep.h5        the same line again continues\n"
     "#   shoal report sweep.h5 -o report         figures, tables, a page\n"
     "version: 1\n"
     "name: teacher\n"
     "experiment: train\n"
     "seed: 1                        # root of every random stream\n"
     "\n"
     "# What all trials have in common. Settings left out have their defaults.\n"
     "data:  {name: gaussian_teacher, dim: 32, classes: 10, train: 4096, test: 2048}\n"
     "model: {kind: mlp, depth: 2, width: 64, activation: relu}\n"
     "optim: {name: sgd, lr: 0.1, momentum: 0.9, batch: 64, steps: 1000, schedule: cosine}\n"
     "\n"
     "# What varies: every combination of the values of all axes, with every seed.\n"
     "sweep:\n"
     "  axes:\n"
     "    model.width:      {log2: [16, 128]}    # 16, 32, 64, 128; or a list: [16, 64]\n"
     "    model.activation: [relu, gelu, tanh]\n"
     "  seeds: 3                     # more seeds later rerun nothing that is done\n"
     "\n"
     "# What is measured, and when. The last step is always recorded.\n"
     "record:\n"
     "  metrics: [train_loss, test_loss, test_acc]\n"
     "  every: {linear: 10}          # 10 equal intervals; or {log: 10}, {last: true}\n"
     "  representations: {layers: [hidden.last], at: [final], probe: {split: test, n: 512}}\n"
     "\n"
     "# How alike all pairs of networks represent the probes.\n"
     "analysis:\n"
     "  alignment: {measures: [cka_unbiased, mutual_knn@10]}\n"
     "\n"
     "report:\n"
     "  question: Do wider networks represent their inputs more alike?\n"
     "  figures:\n"
     "    - {type: line, y: test_acc, x: model.width, hue: model.activation, log: x}\n"
     "    - {type: line, y: cka_unbiased, x: model.width, hue: model.activation, log: x}\n"
     "    - {type: matrix, value: cka_unbiased, order: [model.activation, model.width]}\n"
     "  tables:\n"
     "    - {rows: model.activation, cols: model.width, value: test_acc, best: bold}\n"},
    {{"minimal", "the fewest lines that make a sweep", NULL},
     "name: minimal\n"
     "data:  {name: gaussian_teacher, train: 2000, test: 1000}\n"
     "model: {kind: mlp}\n"
     "optim: {epochs: 5}\n"
     "sweep:\n"
     "  axes: {model.width: {log2: [8, 64]}}\n"
     "  seeds: 3\n"},
};
static const struct table template_table = TABLE("template", templates);

/* Never over an existing file unless told so, and never half a file. */
static enum err_code write_new(const char *path, const char *text, bool force, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | (force ? O_TRUNC : O_EXCL), 0666);
    if (fd < 0 && errno == EEXIST)
        return ERR(e, ERR_USAGE, "%s exists; name another file, or use --force", path);
    if (fd < 0) return ERR(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    size_t length = strlen(text);
    bool good = write(fd, text, length) == (ssize_t)length;
    good = close(fd) == 0 && good;
    if (good) return ERR_OK;
    int reason = errno;
    unlink(path);
    return ERR(e, ERR_IO, "cannot write %s: %s", path, strerror(reason));
}

int cmd_init(const struct options *o)
{
    struct err e = {.rank = -1};
    int i;
    if (table_need(&template_table, o->template ? o->template : "teacher", &i, &e) != ERR_OK) {
        e.code = ERR_USAGE;
        return cli_fail(&e);
    }
    const char *path = o->n_args ? o->arg[0] : o->output ? o->output : "sweep.yaml";
    if (strcmp(path, "-") == 0) {
        fputs(templates[i].text, stdout);
        return 0;
    }
    if (write_new(path, templates[i].text, o->force, &e) != ERR_OK) return cli_fail(&e);
    if (!o->quiet) fprintf(stderr, "wrote %s; next: shoal run %s\n", path, path);
    return 0;
}
