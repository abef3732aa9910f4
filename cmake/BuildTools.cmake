# ccache and mold where they are present, and the sanitizers that MODELFLOAT_SANITIZE names.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths count from the checkout, so that a fresh clone in another folder finds what an earlier one compiled.
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(MODELFLOAT_SANITIZE)
  add_compile_options(-fsanitize=${MODELFLOAT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  if(MODELFLOAT_SANITIZE MATCHES "undefined")
    # Half of the time to build goes into these: null pointers are found by the address sanitizer, and SOCI hides the types of its classes.
    add_compile_options(-fno-sanitize=null,vptr,object-size)
  endif()
  if(MODELFLOAT_SANITIZE MATCHES "thread")
    # The thread sanitizer knows no fences; Asio's own mutexes are enough.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK=1)
  endif()
  add_link_options(-fsanitize=${MODELFLOAT_SANITIZE})
endif()
