/* cli.c - reading the command line. To add a flag: a member of struct options and a row here.
 */
#include "coord/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/journal.h"
#include "coord/plan.h"
#include "coord/results.h"

enum flag_type { FLAG_BOOL, FLAG_TEXT, FLAG_INT, FLAG_FLOAT, FLAG_LIST };

struct flag {
    struct row row; /* long name */
    char letter;
    enum flag_type type;
    size_t offset;
    const char *metavar;
    const char *verbs; /* those that take it, space-separated; NULL: all */
};

#define AT(member) offsetof(struct options, member)
static const struct flag flags[] = {
    {{"help", "show help", NULL}, 'h', FLAG_BOOL, AT(help), NULL, NULL},
    {{"quiet", "say only what went wrong", NULL}, 'q', FLAG_BOOL, AT(quiet), NULL, NULL},
    {{"color", "colour messages: auto, always, never", NULL},
     0,
     FLAG_TEXT,
     AT(color),
     "WHEN",
     NULL},
    {{"output", "store, folder or file to write", NULL},
     'o',
     FLAG_TEXT,
     AT(output),
     "PATH",
     "run plan report export init weights coordcheck"},
    {{"set", "override a setting of the sweep file; may be repeated", NULL},
     0,
     FLAG_LIST,
     AT(set),
     "KEY=VALUE",
     "check plan run coordcheck"},
    {{"seeds", "number of seeds, instead of the file's", NULL},
     0,
     FLAG_INT,
     AT(seeds),
     "N",
     "check plan run coordcheck"},
    {{"steps", "steps to watch (default: 5)", NULL}, 0, FLAG_INT, AT(steps), "N", "coordcheck"},
    {{"widths", "values of model.width, comma-separated: 64,128,256", NULL},
     0,
     FLAG_TEXT,
     AT(widths),
     "LIST",
     "coordcheck"},
    {{"stage", "stage of the sweep file", NULL}, 0, FLAG_TEXT, AT(stage), "NAME", "coordcheck"},
    {{"np", "ranks to start, the coordinator among them (default: cores + 1)", NULL},
     0,
     FLAG_INT,
     AT(np),
     "N",
     "run resume align"},
    {{"launcher", "command that starts ranks (default: mpirun)", NULL},
     0,
     FLAG_TEXT,
     AT(launcher),
     "CMD",
     "run resume align"},
    {{"progress", "progress: auto, bar, lines, json, none", NULL},
     0,
     FLAG_TEXT,
     AT(progress),
     "HOW",
     "run resume"},
    {{"dry-run", "plan only, train nothing", NULL}, 'n', FLAG_BOOL, AT(dry_run), NULL, "run"},
    {{"max-failures", "stop after this many failed trials (5 or 5%)", NULL},
     0,
     FLAG_TEXT,
     AT(max_failures),
     "N",
     "run resume"},
    {{"fail-fast", "stop at the first failed trial", NULL},
     0,
     FLAG_BOOL,
     AT(fail_fast),
     NULL,
     "run resume"},
    {{"json", "one JSON document on stdout", NULL},
     0,
     FLAG_BOOL,
     AT(json),
     NULL,
     "plan status export align scaling coordcheck list version"},
    {{"csv", "comma-separated values on stdout", NULL},
     0,
     FLAG_BOOL,
     AT(csv),
     NULL,
     "plan export coordcheck scaling"},
    {{"list", "one line a trial", NULL}, 0, FLAG_BOOL, AT(list), NULL, "plan"},
    {{"records", "one row a record instead of one a trial", NULL},
     0,
     FLAG_BOOL,
     AT(records),
     NULL,
     "export"},
    {{"filter", "only trials for which the expression holds", NULL},
     0,
     FLAG_TEXT,
     AT(filter),
     "EXPR",
     "export scaling"},
    {{"at", "metrics at the first record where the condition holds", NULL},
     0,
     FLAG_TEXT,
     AT(at),
     "EXPR",
     "export"},
    {{"watch", "repeat until the run ends", NULL}, 'w', FLAG_BOOL, AT(watch), NULL, "status"},
    {{"exit-code", "exit with the run's exit status", NULL},
     0,
     FLAG_BOOL,
     AT(exit_code),
     NULL,
     "status"},
    {{"measure", "measures of alignment, comma-separated: cka,mutual_knn@10", NULL},
     0,
     FLAG_TEXT,
     AT(measure),
     "LIST",
     "align"},
    {{"normalize", "rows and columns before comparing: none, l2, standard, centre, centre_l2",
      NULL},
     0,
     FLAG_TEXT,
     AT(normalize),
     "HOW",
     "align"},
    {{"clip", "clamp features at this quantile of their magnitude (1: not at all)", NULL},
     0,
     FLAG_FLOAT,
     AT(clip),
     "Q",
     "align"},
    {{"epsilon", "added to the normaliser of CKA (released code: 1e-6)", NULL},
     0,
     FLAG_FLOAT,
     AT(epsilon),
     "E",
     "align"},
    {{"clip-by", "whose quantile: layer, model, sample", NULL},
     0,
     FLAG_TEXT,
     AT(clip_by),
     "WHAT",
     "align"},
    {{"precision", "of the large products: double, single", NULL},
     0,
     FLAG_TEXT,
     AT(precision),
     "P",
     "align"},
    {{"sigma", "of the RBF kernel (0: the median distance)", NULL},
     0,
     FLAG_FLOAT,
     AT(sigma),
     "S",
     "align"},
    {{"concat", "all layers side by side are a candidate, too", NULL},
     0,
     FLAG_BOOL,
     AT(concat),
     NULL,
     "align"},
    {{"permutations", "of the rows, that scores are calibrated by", NULL},
     0,
     FLAG_INT,
     AT(permutations),
     "K",
     "align"},
    {{"within-class", "rows change places within their class only", NULL},
     0,
     FLAG_BOOL,
     AT(within_class),
     NULL,
     "align"},
    {{"classes", "classes of the rows, a line each (default: the store's labels)", NULL},
     0,
     FLAG_TEXT,
     AT(classes),
     "FILE",
     "align"},
    {{"alpha", "level of the threshold (0.05)", NULL}, 0, FLAG_FLOAT, AT(alpha), "A", "align"},
    {{"baselines", "models beside the trained: input,random,untrained", NULL},
     0,
     FLAG_TEXT,
     AT(baselines),
     "LIST",
     "align"},
    {{"memory", "gigabytes on each rank (2)", NULL}, 0, FLAG_FLOAT, AT(memory), "GB", "align"},
    {{"y", "metric that is fitted", NULL}, 0, FLAG_TEXT, AT(y), "METRIC", "scaling"},
    {{"x", "size: a setting, a metric, params; two with a comma between", NULL},
     0,
     FLAG_TEXT,
     AT(x),
     "SIZE",
     "scaling"},
    {{"form", "law: see shoal list scaling-forms (default: power, power2)", NULL},
     0,
     FLAG_TEXT,
     AT(form),
     "NAME",
     "scaling"},
    {{"group", "a fit for each value of this setting", NULL},
     0,
     FLAG_TEXT,
     AT(group),
     "SETTING",
     "scaling"},
    {{"force", "compute again what is already there; overwrite", NULL},
     0,
     FLAG_BOOL,
     AT(force),
     NULL,
     "align init import"},
    {{"model", "name of the model", NULL}, 0, FLAG_TEXT, AT(model), "NAME", "import"},
    {{"modality", "what it was trained on: vision, language, ...", NULL},
     0,
     FLAG_TEXT,
     AT(modality),
     "M",
     "import"},
    {{"layer", "array to take, in this order; may be repeated (default: all)", NULL},
     0,
     FLAG_LIST,
     AT(layer),
     "LAYER",
     "import"},
    {{"attr", "what else is known of it: size=7e9; may be repeated", NULL},
     0,
     FLAG_LIST,
     AT(attr),
     "KEY=VALUE",
     "import"},
    {{"rows", "ids of the rows: file with one a line, or an array (default: row_ids)", NULL},
     0,
     FLAG_TEXT,
     AT(rows),
     "FILE|KEY",
     "import"},
    {{"probe", "probe set that is compared on; of an import: that its rows are, in its order",
      NULL},
     0,
     FLAG_TEXT,
     AT(probe),
     "SET",
     "import align"},
    {{"template", "which sweep file to write", NULL},
     0,
     FLAG_TEXT,
     AT(template),
     "NAME",
     "init"},
};
static const struct table flag_table = TABLE("option", flags);

static bool applies(const struct flag *f, const struct verb *verb)
{
    return !f->verbs || text_listed(f->verbs, verb->row.name);
}

static enum err_code flag_set(const struct flag *f, const char *value, struct options *o,
                              struct err *e)
{
    void *at = (char *)o + f->offset;
    char *end = NULL;
    errno = 0;
    switch (f->type) {
    case FLAG_BOOL: *(bool *)at = true; return ERR_OK;
    case FLAG_TEXT: *(const char **)at = value; return ERR_OK;
    case FLAG_LIST: {
        struct option_list *list = at;
        list->word[list->n++] = value;
        return ERR_OK;
    }
    case FLAG_INT: *(int64_t *)at = strtoll(value, &end, 10); break;
    case FLAG_FLOAT: *(double *)at = strtod(value, &end); break;
    }
    bool whole = f->type == FLAG_INT;
    if (end == value || *end || errno || (whole && *(int64_t *)at < 1) ||
        (f->type == FLAG_FLOAT && isnan(*(double *)at)))
        return ERR(e, ERR_USAGE, "--%s wants a %s, got '%s'", f->row.name,
                   whole ? "positive whole number" : "number", value);
    return ERR_OK;
}

/* SHOAL_MAX_FAILURES for --max-failures. */
static enum err_code flags_from_environment(const struct verb *verb, struct options *o,
                                            struct err *e)
{
    for (int i = 0; i < flag_table.count; i++) {
        const struct flag *f = &flags[i];
        if (!applies(f, verb) || f->type == FLAG_LIST || f->letter == 'h') continue;
        char name[64] = "SHOAL_";
        for (size_t k = 0; f->row.name[k] && k < sizeof name - 7; k++)
            name[6 + k] = f->row.name[k] == '-' ? '_' : (char)toupper(f->row.name[k]);
        const char *value = getenv(name);
        if (!value || !*value) continue;
        if (f->type == FLAG_BOOL && (strcmp(value, "0") == 0 || strcmp(value, "false") == 0))
            continue;
        TRY(flag_set(f, value, o, e));
    }
    return ERR_OK;
}

static enum err_code flag_lookup(const struct verb *verb, const char *word, size_t length,
                                 const struct flag **out, struct err *e)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), word);
    int i = table_find(&flag_table, name);
    if (i >= 0 && applies(&flags[i], verb)) {
        *out = &flags[i];
        return ERR_OK;
    }
    if (i >= 0)
        return ERR(e, ERR_USAGE, "%s takes no --%s; see: shoal %s --help", verb->row.name, name,
                   verb->row.name);
    struct text_nearest near = text_nearest_init(name);
    for (int k = 0; k < flag_table.count; k++)
        if (applies(&flags[k], verb)) text_nearest_try(&near, flags[k].row.name);
    return ERR(e, ERR_USAGE, "unknown option --%s%s%s%s", name,
               near.found ? "; did you mean --" : "; see: shoal ",
               near.found ? near.found : verb->row.name, near.found ? "?" : " --help");
}

/* One --name, --name=value, --name value, -x or -x value at argv[*i]. */
static enum err_code flag_parse(const struct verb *verb, int argc, char **argv, int *i,
                                struct options *o, struct err *e)
{
    const char *word = argv[*i], *value = NULL;
    const struct flag *f = NULL;
    if (word[1] == '-') {
        const char *equals = strchr(word, '=');
        size_t length = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
        TRY(flag_lookup(verb, word + 2, length, &f, e));
        value = equals ? equals + 1 : NULL;
    } else {
        for (int k = 0; k < flag_table.count; k++)
            if (flags[k].letter == word[1] && applies(&flags[k], verb)) f = &flags[k];
        if (!f)
            return ERR(e, ERR_USAGE, "unknown option %s; see: shoal %s --help", word,
                       verb->row.name);
        if (word[2] && f->type == FLAG_BOOL)
            return ERR(e, ERR_USAGE, "write -%c apart from what follows in '%s'", word[1],
                       word);
        value = word[2] ? word + 2 : NULL;
    }
    if (f->type == FLAG_BOOL && value)
        return ERR(e, ERR_USAGE, "--%s takes no value", f->row.name);
    if (f->type != FLAG_BOOL && !value) {
        if (*i + 1 >= argc)
            return ERR(e, ERR_USAGE, "--%s wants a value: %s", f->row.name, f->metavar);
        value = argv[++*i];
    }
    return flag_set(f, value, o, e);
}

enum err_code cli_parse(const struct verb *verb, int argc, char **argv, struct options *o,
                        struct err *e)
{
    *o = (struct options){
        .epsilon = NAN, .clip = NAN, .sigma = NAN, .alpha = NAN, .memory = NAN};
    o->arg = calloc((size_t)argc + 1, sizeof *o->arg);
    bool memory = o->arg != NULL;
    for (int i = 0; i < flag_table.count; i++) {
        if (flags[i].type != FLAG_LIST) continue;
        struct option_list *list = (void *)((char *)o + flags[i].offset);
        list->word = calloc((size_t)argc + 1, sizeof *list->word);
        memory = memory && list->word;
    }
    if (!memory) return ERR(e, ERR_NOMEM, "no memory for the command line");
    TRY(flags_from_environment(verb, o, e));
    bool operands_only = false;
    for (int i = 0; i < argc; i++) {
        if (!operands_only && strcmp(argv[i], "--") == 0)
            operands_only = true;
        else if (operands_only || argv[i][0] != '-' || !argv[i][1])
            o->arg[o->n_args++] = argv[i];
        else
            TRY(flag_parse(verb, argc, argv, &i, o, e));
    }
    if (o->help) return ERR_OK;
    if (o->n_args < verb->min_args || o->n_args > verb->max_args)
        return ERR(e, ERR_USAGE, "usage: shoal %s %s", verb->row.name, verb->usage);
    return ERR_OK;
}

void cli_clear(struct options *o)
{
    free(o->arg);
    for (int i = 0; i < flag_table.count; i++)
        if (flags[i].type == FLAG_LIST)
            free(((struct option_list *)((char *)o + flags[i].offset))->word);
    *o = (struct options){0};
}

void cli_help_verb(const struct verb *verb)
{
    printf("usage: shoal %s %s\n\n%s\n\n", verb->row.name, verb->usage, verb->row.help);
    for (int i = 0; i < flag_table.count; i++) {
        const struct flag *f = &flags[i];
        if (!applies(f, verb)) continue;
        char left[64];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", f->letter ? '-' : ' ',
                 f->letter ? f->letter : ' ', f->letter ? ", " : "  ", f->row.name,
                 f->metavar ? " " : "", f->metavar ? f->metavar : "");
        printf("  %-26s %s\n", left, f->row.help);
    }
    printf("\nEvery long option can also be set in the environment: SHOAL_NP=4 for --np 4.\n");
}

void cli_help(bool all)
{
    printf("shoal trains a shoal of small networks on a cluster and measures how they swim "
           "together.\n"
           "\n"
           "usage: shoal VERB ...          mpirun -n 128 shoal run FILE -o STORE\n\n");
    for (int i = 0; i < verbs.count; i++) {
        const struct verb *v = (const struct verb *)table_row(&verbs, i);
        if (all || v->first_page) printf("  %-9s %s\n", v->row.name, v->row.help);
    }
    printf("\n  shoal VERB --help    the options of a verb\n");
    if (!all) printf("  shoal help           all verbs\n");
    printf("\nA first run:\n"
           "  shoal init sweep.yaml && shoal run sweep.yaml -o sweep.h5 && shoal report "
           "sweep.h5 -o report\n");
}

int cli_fail(const struct err *e)
{
    fprintf(stderr, "shoal: %s", e->text);
    if (e->rank >= 0) fprintf(stderr, " (rank %d)", e->rank);
    fputc('\n', stderr);
    return err_status(e->code);
}

bool cli_color(const struct options *o)
{
    if (o->color && strcmp(o->color, "always") == 0) return true;
    if (o->color && strcmp(o->color, "never") == 0) return false;
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no_color && *no_color) && term &&
           strcmp(term, "dumb") != 0;
}

/* The flags that stand for a setting of the file become --set of it, in front of the user's
 * own. */
static int overrides(const struct options *o, const char **set, char (*made)[64])
{
    int n = 0;
    if (o->seeds) snprintf(made[n], 64, "sweep.seeds=%lld", (long long)o->seeds), n++;
    if (o->max_failures) snprintf(made[n], 64, "run.max_failures=%s", o->max_failures), n++;
    if (o->fail_fast) snprintf(made[n], 64, "run.fail_fast=true"), n++;
    for (int i = 0; i < n; i++) set[i] = made[i];
    for (int i = 0; i < o->set.n; i++) set[n++] = o->set.word[i];
    return n;
}

/* The sweep of a file with the flags applied. Takes file. */
static enum err_code read_sweep(const struct options *o, struct yaml_file *file,
                                struct sweep **out, struct err *e)
{
    char made[3][64];
    const char **set = calloc((size_t)o->set.n + 3, sizeof *set);
    if (!set) {
        yaml_destroy(file);
        return ERR(e, ERR_NOMEM, "no memory for the command line");
    }
    int n = overrides(o, set, made);
    enum err_code code = sweep_read(file, set, n, out, e);
    free(set);
    return code;
}

enum err_code cli_sweep(const struct options *o, const char *name, const char *text,
                        struct sweep **out, struct err *e)
{
    struct yaml_file *file = NULL;
    *out = NULL;
    TRY(yaml_parse(name, text, &file, e));
    return read_sweep(o, file, out, e);
}

bool cli_plan(const struct options *o, struct sweep **sweep, struct plan **plan, int *status)
{
    struct err e = {.rank = -1};
    struct yaml_file *file = NULL;
    *sweep = NULL;
    *plan = NULL;
    enum err_code code = yaml_read(o->arg[0], &file, &e);
    if (code == ERR_OK) code = read_sweep(o, file, sweep, &e);
    if (code == ERR_OK) code = plan_create(*sweep, plan, &e);
    if (code == ERR_OK) return true;
    char *report = *sweep ? yaml_report((*sweep)->file, cli_color(o)) : NULL;
    *status = err_status(code);
    if (report)
        fputs(report, stderr);
    else
        cli_fail(&e);
    free(report);
    sweep_destroy(*sweep);
    *sweep = NULL;
    return false;
}

const char *cli_store(const struct options *o, const char *sweep_path, char *out, size_t size)
{
    if (o->output) {
        snprintf(out, size, "%s", o->output);
        return out;
    }
    const char *slash = strrchr(sweep_path, '/'), *stem = slash ? slash + 1 : sweep_path;
    const char *dot = strrchr(stem, '.');
    int length = dot && dot != stem ? (int)(dot - stem) : (int)strlen(stem);
    if (strcmp(stem, "-") == 0) stem = "sweep", length = 5;
    snprintf(out, size, "%.*s.h5", length, stem);
    return out;
}
