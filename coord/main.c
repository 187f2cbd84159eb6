/* main.c - the verbs of the command line. To add one: a cmd_ function and a row here. */
#include <stdio.h>
#include <string.h>

#include "coord/cli.h"

void openblas_set_num_threads(int n);

static const struct verb rows[] = {
    {{"init", "write a commented sweep file that runs in under a minute", NULL},
     "[FILE] [--template NAME]",
     0,
     1,
     true,
     cmd_init},
    {{"check", "validate a sweep file; every error with its place", NULL},
     "FILE",
     1,
     1,
     true,
     cmd_check},
    {{"plan", "what will run: trials, cost, memory, files, time", NULL},
     "FILE [-o STORE]",
     1,
     1,
     true,
     cmd_plan},
    {{"run", "train what is missing; the same line again continues", NULL},
     "FILE [-o STORE] [--np N]",
     1,
     1,
     true,
     cmd_run},
    {{"resume", "continue a store: run with the sweep file it was made from", NULL},
     "STORE [--np N]",
     1,
     1,
     false,
     cmd_resume},
    {{"status", "how a run stands; reads its journal only", NULL},
     "STORE",
     1,
     1,
     true,
     cmd_status},
    {{"report", "figures, tables and a page", NULL}, "STORE -o DIR", 1, 1, true, cmd_report},
    {{"export", "one table of all trials", NULL},
     "STORE [--csv | --json]",
     1,
     1,
     true,
     cmd_export},
    {{"weights", "a trial's final weights, as PyTorch names them", NULL},
     "STORE TRIAL -o FILE.safetensors",
     2,
     2,
     false,
     cmd_weights},
    {{"align", "how alike the networks represent the probes: all pairs", NULL},
     "STORE [--measure LIST] [--spectra]",
     1,
     1,
     true,
     cmd_align},
    {{"coordcheck", "do activations move alike at all widths in the first steps?",
      "arXiv 2203.03466, appendix D.1"},
     "FILE [--widths LIST] [--steps N] [--seeds N] [-o DIR]",
     1,
     1,
     false,
     cmd_coordcheck},
    {{"import", "representations made elsewhere, to align with", NULL},
     "STORE FILE --model NAME [--layer LAYER]... [--attr KEY=VALUE]...",
     2,
     2,
     false,
     cmd_import},
    {{"scaling", "laws of size fitted to means over seeds, with intervals", NULL},
     "STORE [--y METRIC --x SIZE]",
     1,
     1,
     true,
     cmd_scaling},
    {{"list", "everything a sweep file can name, with help and source", NULL},
     "[KIND]",
     0,
     1,
     false,
     cmd_list},
    {{"schema", "JSON schema of the sweep file", NULL}, "", 0, 0, false, cmd_schema},
    {{"version", "version and the libraries it runs on", NULL}, "", 0, 0, false, cmd_version},
    {{"help", "all verbs, or one verb, or one setting", NULL},
     "[VERB | SETTING]",
     0,
     1,
     false,
     cmd_help},
};
const struct table verbs = TABLE("verb", rows);

int main(int argc, char **argv)
{
    /* One thread of BLAS a rank: its neighbours have the other cores, and bits depend on the
     * number. OpenBLAS has read its environment by now: setting a variable would be too late.
     */
    openblas_set_num_threads(1);
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        cli_help(false);
        return argc > 1 ? 0 : 2;
    }
    if (strcmp(name, "--version") == 0) name = "version";
    struct err e = {.rank = -1};
    int i;
    if (table_need(&verbs, name, &i, &e) != ERR_OK) {
        e.code = ERR_USAGE;
        return cli_fail(&e);
    }
    const struct verb *verb = &rows[i];
    struct options o;
    int status = 0;
    if (cli_parse(verb, argc - 2, argv + 2, &o, &e) != ERR_OK)
        status = cli_fail(&e);
    else if (o.help)
        cli_help_verb(verb);
    else
        status = verb->run(&o);
    cli_clear(&o);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("shoal: writing to stdout");
        return status ? status : 3;
    }
    return status;
}
