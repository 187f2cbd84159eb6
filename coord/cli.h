/* cli.h - the command line: options as rows, verbs as rows. */
#ifndef SHOAL_COORD_CLI_H
#define SHOAL_COORD_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

/* The values of an option that may be repeated, in order. */
struct option_list {
    const char **word;
    int n;
};

/* Everything the command line, or SHOAL_<FLAG> in the environment, can say. Strings are
 * borrowed from argv and the environment. */
struct options {
    const char **arg; /* operands behind the verb */
    int n_args;
    struct option_list set, attr, layer;
    const char *output, *filter, *at, *measure, *normalize, *launcher, *template, *color,
        *progress, *widths, *stage, *model, *modality, *rows, *probe, *clip_by, *precision,
        *baselines, *classes;
    const char *max_failures;
    const char *y, *x, *form, *group;
    int64_t np, seeds, steps, permutations;
    double epsilon, clip, sigma, alpha, memory;
    bool help, version, quiet, dry_run, json, csv, list, records, exit_code, watch, force,
        concat, within_class, spectra;
    bool fail_fast;
};

/* A verb: `shoal NAME ...`. */
struct verb {
    struct row row;
    const char *usage; /* operands and options as shown in its help */
    int min_args, max_args;
    bool first_page;                     /* listed on the first page of the help */
    int (*run)(const struct options *o); /* returns the exit status */
};
extern const struct table verbs;

/* Reads flags and operands behind the verb into o, environment first. Flags the verb does not
 * take are refused. Local.
 * errors   ERR_USAGE: unknown flag (with the nearest), missing or bad value */
enum err_code cli_parse(const struct verb *verb, int argc, char **argv, struct options *o,
                        struct err *e);
void cli_clear(struct options *o);

/* Help of the program (first page or all verbs), of one verb. */
void cli_help(bool all);
void cli_help_verb(const struct verb *verb);

/* Prints "shoal: ..." to stderr and returns the exit status of the error. */
int cli_fail(const struct err *e);

/* Should messages to stderr be coloured, given --color, NO_COLOR, TERM and the terminal? */
bool cli_color(const struct options *o);

struct sweep;
struct plan;

/* The sweep of a file's text (name is for messages), with --set, --seeds, --max-failures and
 * --fail-fast applied. On failure *out may still hold the file for its report. Local. */
enum err_code cli_sweep(const struct options *o, const char *name, const char *text,
                        struct sweep **out, struct err *e);

/* Reads the sweep file o->arg[0] and plans it. On failure everything wrong with it has been
 * printed to stderr, *status is the exit status and nothing is returned. Local. */
bool cli_plan(const struct options *o, struct sweep **sweep, struct plan **plan, int *status);

/* The store a verb works on: -o, or NAME.h5 of the sweep file "NAME.yaml" in this folder. */
const char *cli_store(const struct options *o, const char *sweep_path, char *out, size_t size);

/* The verbs, one file each or one file for close kin. */
int cmd_init(const struct options *o);
int cmd_check(const struct options *o);
int cmd_plan(const struct options *o);
int cmd_run(const struct options *o);
int cmd_resume(const struct options *o);
int cmd_status(const struct options *o);
int cmd_report(const struct options *o);
int cmd_export(const struct options *o);
int cmd_weights(const struct options *o);
int cmd_align(const struct options *o);
int cmd_coordcheck(const struct options *o);
int cmd_import(const struct options *o);
int cmd_scaling(const struct options *o);
int cmd_list(const struct options *o);
int cmd_schema(const struct options *o);
int cmd_version(const struct options *o);
int cmd_help(const struct options *o);

#endif
