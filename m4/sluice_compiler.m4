# How sluice is compiled. The results are SLUICE_CFLAGS and SLUICE_LDFLAGS, for everything, and what
# the summary prints. CFLAGS and LDFLAGS are the user's and stay as they are.

# SLUICE_COMPILER: the language and the warnings; --enable-werror
AC_DEFUN([SLUICE_COMPILER],
  [SLUICE_WARNINGS="-Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2"
   SLUICE_CFLAGS="-std=gnu11 -fvisibility=hidden -pthread -Wstrict-prototypes -Wmissing-prototypes"
   SLUICE_LDFLAGS=
   sluice_warnings="shown"
   AC_ARG_ENABLE([werror],
     [AS_HELP_STRING([--enable-werror], [a warning is an error])],
     [], [enable_werror=no])
   AS_IF([test "$enable_werror" = yes],
     [SLUICE_WARNINGS="$SLUICE_WARNINGS -Werror"
      sluice_warnings="errors"])
   AC_SUBST([SLUICE_WARNINGS])
   AC_SUBST([SLUICE_CFLAGS])
   AC_SUBST([SLUICE_LDFLAGS])])

# SLUICE_SANITIZER: --enable-sanitizer=address,undefined or =thread
#
# A finding ends the program: a test that goes on after one proves nothing.
AC_DEFUN([SLUICE_SANITIZER],
  [AC_ARG_ENABLE([sanitizer],
     [AS_HELP_STRING([--enable-sanitizer=LIST], [address,undefined or thread: build with -fsanitize=LIST])],
     [], [enable_sanitizer=no])
   AS_CASE([$enable_sanitizer],
     [yes], [AC_MSG_ERROR([--enable-sanitizer wants a list: address,undefined or thread])],
     [no], [sluice_sanitizer=none],
     [SANITIZE="-fsanitize=$enable_sanitizer -fno-sanitize-recover=all -fno-omit-frame-pointer"
      sluice_sanitizer=$enable_sanitizer])
   SLUICE_TRY_FLAGS([$SANITIZE])
   AC_SUBST([SANITIZE])
   AM_CONDITIONAL([SANITIZED], [test "$enable_sanitizer" != no])])

# SLUICE_FUZZERS: --enable-fuzzers: tests/fuzz_* become libFuzzer's programs, with its own main
AC_DEFUN([SLUICE_FUZZERS],
  [AC_ARG_ENABLE([fuzzers],
     [AS_HELP_STRING([--enable-fuzzers], [build tests/fuzz_* with libFuzzer (clang)])],
     [], [enable_fuzzers=no])
   AS_IF([test "$enable_fuzzers" = yes],
     [SLUICE_TRY_FLAGS([-fsanitize=fuzzer-no-link])
      SANITIZE="$SANITIZE -fsanitize=fuzzer-no-link"
      FUZZ_ENGINE=-fsanitize=fuzzer])
   AC_SUBST([FUZZ_ENGINE])
   sluice_fuzzers=$enable_fuzzers
   AM_CONDITIONAL([FUZZERS], [test "$enable_fuzzers" = yes])])

# SLUICE_LTO: --enable-lto: functions are inlined across files
#
# Fat objects, so that any ar will do. Who has -flto in CFLAGS already needs nothing of this.
AC_DEFUN([SLUICE_LTO],
  [AC_ARG_ENABLE([lto],
     [AS_HELP_STRING([--enable-lto], [optimize at link time, across files (gcc)])],
     [], [enable_lto=no])
   AS_IF([test "$enable_lto" != no],
     [SLUICE_LTO_CFLAGS="-flto=auto -ffat-lto-objects"
      SLUICE_TRY_FLAGS([$SLUICE_LTO_CFLAGS])])
   AC_SUBST([SLUICE_LTO_CFLAGS])
   sluice_lto=$enable_lto])

# SLUICE_COVERAGE: --enable-coverage
AC_DEFUN([SLUICE_COVERAGE],
  [AC_ARG_ENABLE([coverage],
     [AS_HELP_STRING([--enable-coverage], [count the lines that run, for gcov])],
     [], [enable_coverage=no])
   AS_IF([test "$enable_coverage" = yes],
     [SLUICE_CFLAGS="$SLUICE_CFLAGS --coverage -fprofile-update=atomic"
      SLUICE_LDFLAGS="$SLUICE_LDFLAGS --coverage"])
   sluice_coverage=$enable_coverage])

# SLUICE_EXPORTS: how the linker is told that consumers may call sluice_*, and nothing else
AC_DEFUN([SLUICE_EXPORTS],
  [SLUICE_EXPORT_LDFLAGS="-Wl,--export-dynamic-symbol=sluice_*"
   SLUICE_TRY_FLAGS([$SLUICE_EXPORT_LDFLAGS])
   AC_SUBST([SLUICE_EXPORT_LDFLAGS])])

# SLUICE_TRY_FLAGS(FLAGS): stops where the compiler and the linker do not take them
AC_DEFUN([SLUICE_TRY_FLAGS],
  [AS_IF([test -n "$1"],
     [AC_MSG_CHECKING([whether $CC takes $1])
      sluice_cflags=$CFLAGS
      CFLAGS="$CFLAGS $1"
      AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$CC can not build with $1])])
      CFLAGS=$sluice_cflags])])
