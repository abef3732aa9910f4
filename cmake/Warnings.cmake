# The warnings that our own code is built with. Linked to our targets only, so that no user and no dependency sees them.
add_library(modelfloat_warnings INTERFACE)
target_compile_options(modelfloat_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wold-style-cast)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(modelfloat_warnings INTERFACE -Wlogical-op)
endif()
if(MODELFLOAT_WERROR)
  target_compile_options(modelfloat_warnings INTERFACE -Werror)
endif()
