# With MODELFLOAT_PLANTED_BUGS some sources are replaced by copies with bugs that tests switch on (tests/planted_bugs.py). Never for users.
if(MODELFLOAT_PLANTED_BUGS)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  set(MODELFLOAT_CHANGED_FOLDER ${PROJECT_BINARY_DIR}/planted)
  execute_process(COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/planted_bugs.py plant --out ${MODELFLOAT_CHANGED_FOLDER}
                  OUTPUT_VARIABLE MODELFLOAT_CHANGED_SOURCES OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/planted_bugs.py)
  foreach(source IN LISTS MODELFLOAT_CHANGED_SOURCES)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/modelfloat/${source})
  endforeach()
endif()
