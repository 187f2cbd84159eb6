/* kernel.h - loops over long arrays, compiled once per vector width and chosen at start.
 *
 * KERNEL goes in front of a function whose loops are elementwise, or sums whose order is
 * written out: without contraction and reassociation (see CMakeLists.txt) all versions give the
 * same bits. Sanitizers cannot instrument the resolvers that choose, and get the plain version.
 */
#ifndef SHOAL_BASE_KERNEL_H
#define SHOAL_BASE_KERNEL_H

#include <stdint.h> /* defines __GLIBC__ where it is: the choice is the dynamic linker's */

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) &&                        \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define KERNEL __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define KERNEL
#endif

#endif
