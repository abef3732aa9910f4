# ccache and mold where they are present, and the sanitizers that MODELFLOAT_SANITIZE names.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(MODELFLOAT_SANITIZE)
  add_compile_options(-fsanitize=${MODELFLOAT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MODELFLOAT_SANITIZE})
endif()
