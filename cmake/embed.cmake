# embed(TARGET NAME FILE…): compile files into TARGET as the array
#   const struct embedded NAME[] = { { "file name", data, size }, …, { 0 } };
# declared in base/embedded.h. The data is followed by a NUL.
function(embed target name)
  set(out ${CMAKE_BINARY_DIR}/embedded/${name}.c)
  set(files ${ARGN})
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUT=${out} "-DFILES=${files}"
            -P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    VERBATIM)
  # a rule belongs to the folder it is written in; the target may be elsewhere
  add_custom_target(${name}_embedded DEPENDS ${out})
  add_dependencies(${target} ${name}_embedded)
  set_source_files_properties(${out} PROPERTIES GENERATED ON)
  target_sources(${target} PRIVATE ${out})
endfunction()
