/* cmd_schema.c - `shoal schema`: the JSON schema of a sweep file, for editors. */
#include <stdio.h>
#include <stdlib.h>

#include "coord/cli.h"
#include "coord/sweep.h"

int cmd_schema(const struct options *o)
{
    (void)o;
    char *text = sweep_schema();
    if (!text) return cli_fail(&(struct err){.code = ERR_NOMEM, .rank = -1, .text = "memory"});
    puts(text);
    free(text);
    return 0;
}
