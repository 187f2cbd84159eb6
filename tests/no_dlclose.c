/* no_dlclose.c - linked into sanitizer builds only: plugins stay mapped, so that reports of leaks
 * can name their frames. */
int dlclose(void *handle);

int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
