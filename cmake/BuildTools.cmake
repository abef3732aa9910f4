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
  add_link_options(-fsanitize=${MODELFLOAT_SANITIZE})
endif()
