# What sluice needs from the system. Each macro notes what is missing by the name of its Debian
# package; SLUICE_NEED_DONE then names all of it, so that one apt-get mends it.

# SLUICE_NEED_PROGRAM(PACKAGE, PATH-IF-FOUND)
AC_DEFUN([SLUICE_NEED_PROGRAM], [AS_IF([test -z "$2"], [sluice_missing="$sluice_missing $1"])])

# SLUICE_NEED_MODULE(VARIABLE, PKG-CONFIG-MODULE, PACKAGE): sets VARIABLE_CFLAGS and VARIABLE_LIBS
AC_DEFUN([SLUICE_NEED_MODULE],
  [PKG_CHECK_MODULES([$1], [$2], [], [sluice_missing="$sluice_missing $3"])])

# SLUICE_NEED_HEADER(HEADER, PACKAGE)
AC_DEFUN([SLUICE_NEED_HEADER],
  [AC_CHECK_HEADER([$1], [], [sluice_missing="$sluice_missing $2"], [@%:@include <stddef.h>])])

# SLUICE_NEED_CXX(PACKAGE): AC_PROG_CXX answers g++ even where there is none
AC_DEFUN([SLUICE_NEED_CXX],
  [AC_LANG_PUSH([C++])
   AC_MSG_CHECKING([whether $CXX knows C++20])
   sluice_cxxflags=$CXXFLAGS
   CXXFLAGS="$CXXFLAGS -std=c++20"
   AC_COMPILE_IFELSE([AC_LANG_PROGRAM([struct point { int x, y; };], [point p{.x = 1, .y = 2}; (void)p;])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      sluice_missing="$sluice_missing $1"])
   CXXFLAGS=$sluice_cxxflags
   AC_LANG_POP([C++])])

AC_DEFUN([SLUICE_NEED_DONE],
  [AS_IF([test -n "$sluice_missing"],
     [AC_MSG_ERROR([missing or too old:$sluice_missing
    On Debian: apt-get install$sluice_missing])])])
